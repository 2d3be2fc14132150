"""The clicks, carts and purchases that REES46 published of a large online shop (CSV, prices in US dollars).

`event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session`, one row a product. The
rows have no id of their own: it is made of the whole row, so an exact repeat is the same event again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import Line
from pipeline.sources.files import events_of, files_in
from pipeline.sources.table import cells_of, minor, row_id, rows_of, time_ms

COLUMNS = [
    "event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id",
    "user_session",
]  # fmt: skip
EVENT_TYPES = {
    "view": "product_viewed",
    "cart": "product_added",
    "remove_from_cart": "product_removed",
    "purchase": "order_completed",
}
CURRENCY = "USD"


class Rees46:
    """One month of the data set a file, or a folder of months."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read a file or every `.csv` of a folder. Raises SourceError where the columns are others."""
        for file in files_in(path, (".csv",)):
            yield from events_of(file, rows_of(file, COLUMNS), _event)


def _event(line: bytes) -> ChannelEvent:
    time, kind, product_id, category_id, category_code, brand, price, user_id, session_id = cells_of(line, COLUMNS)
    event_type = EVENT_TYPES.get(kind)
    if event_type is None:
        problem = f"event_type: {kind!r} is none of {', '.join(EVENT_TYPES)}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
    event_id = row_id(line)
    price_minor = minor("price", price)
    is_order = kind == "purchase"
    said = (("category", category_code), ("category_id", category_id), ("brand", brand))
    return ChannelEvent(
        event_id=event_id,
        event_type=event_type,
        channel="web",
        occurred_at_ms=time_ms("event_time", time, "%Y-%m-%d %H:%M:%S UTC", "2019-10-01 00:00:00 UTC"),
        identifiers={"account": user_id} if user_id else {},
        session_id=session_id or None,
        order_id=event_id if is_order else None,
        items=(Item(product_id, 1, price_minor, CURRENCY),),
        amount_minor=price_minor if is_order else None,
        currency=CURRENCY if is_order else None,
        properties={name: value for name, value in said if value},
    )
