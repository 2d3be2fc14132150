"""The clicks, carts and purchases that REES46 published of a large online shop (CSV, prices in US dollars).

`event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session`, one row a product. The
rows have no id of their own: it is made of the whole row, so an exact repeat is the same event again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.time import epoch_ms
from pipeline.sources import Line, SourceError
from pipeline.sources.files import events_of, files_in, lines_of

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
            lines = lines_of(file)
            _, header = next(lines, (0, b""))
            columns = header.decode(errors="replace").split(",")
            if columns != COLUMNS:
                raise SourceError(f"{file}: its columns are {','.join(columns)[:200]!r}, not {','.join(COLUMNS)!r}.")
            yield from events_of(file, lines, _event)


def _event(line: bytes) -> ChannelEvent:
    try:
        row = next(csv.reader([line.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"not a line of CSV: {error}") from error
    if len(row) != len(COLUMNS):
        raise InvalidEvent(InvalidReason.UNDECODABLE, f"{len(row)} columns, {len(COLUMNS)} are wanted")
    time, kind, product_id, category_id, category_code, brand, price, user_id, session_id = row
    event_type = EVENT_TYPES.get(kind)
    if event_type is None:
        problem = f"event_type: {kind!r} is none of {', '.join(EVENT_TYPES)}"
        raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
    event_id = blake2b(line, digest_size=16).hexdigest()
    price_minor = _minor(price)
    is_order = kind == "purchase"
    said = (("category", category_code), ("category_id", category_id), ("brand", brand))
    return ChannelEvent(
        event_id=event_id,
        event_type=event_type,
        channel="web",
        occurred_at_ms=_time_ms(time),
        identifiers={"account": user_id} if user_id else {},
        session_id=session_id or None,
        order_id=event_id if is_order else None,
        items=(Item(product_id, 1, price_minor, CURRENCY),),
        amount_minor=price_minor if is_order else None,
        currency=CURRENCY if is_order else None,
        properties={name: value for name, value in said if value},
    )


def _time_ms(text: str) -> int:
    """`2019-10-01 00:00:00 UTC` as milliseconds."""
    zone = text[-4:]
    try:
        moment = datetime.fromisoformat(text[:-4]).replace(tzinfo=UTC)
    except ValueError:
        zone = ""
    if zone != " UTC":
        raise InvalidEvent(InvalidReason.BAD_TIME, f"event_time: {text!r} is not like '2019-10-01 00:00:00 UTC'")
    return epoch_ms(moment)


def _minor(price: str) -> int:
    """`33.20` as 3320 cents, without a float on the way."""
    try:
        cents = Decimal(price) * 100
    except ArithmeticError:  # no number, or one whose exponent is beyond all measure
        raise InvalidEvent(InvalidReason.WRONG_TYPE, f"price: expected a number, got {price!r}") from None
    if not cents.is_finite() or abs(cents) >= 2**63 or cents != cents.to_integral_value():
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"price: {price!r} is not a sum of whole cents")
    return int(cents)
