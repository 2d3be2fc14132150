"""The sessions of the made-up shop that comes with Retentioneering (CSV), with faults built in by its authors.

`user_id,session_id,event,timestamp,platform,acquisition_channel,user_cohort,user_lifecycle`, one row an event, by user:
read whole, and told as it happened; times have no zone and are read as UTC. Rows have no id; equal rows are two clicks
in one second. Products and prices are not told: what is put into a cart is one made-up product, an order has no lines
and no amount, and each session has a cart and at most an order of its own, named like the session. `checkout_bug` and
`payment_error` are event types of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.sources import Line
from pipeline.sources.files import events_of, files_in
from pipeline.sources.table import RowIds, cells_of, in_time_order, rows_of, time_ms

COLUMNS = [
    "user_id", "session_id", "event", "timestamp", "platform", "acquisition_channel", "user_cohort", "user_lifecycle",
]  # fmt: skip
EVENT_TYPES = {
    "account_page": "page_viewed",
    "add_to_cart": "product_added",
    "cart": "cart_viewed",
    "catalog": "product_list_viewed",
    "checkout_bug": "checkout_bug",
    "compare": "page_viewed",
    "error_page": "page_viewed",
    "filter_results": "product_list_filtered",
    "home": "page_viewed",
    "payment_details": "checkout_step_viewed",
    "payment_error": "payment_error",
    "product_view": "product_viewed",
    "promo_page": "promotion_viewed",
    "purchase": "order_completed",
    "review_page": "page_viewed",
    "search": "products_searched",
    "shipping_details": "checkout_step_viewed",
    "support_chat": "chat_started",
    "wishlist_add": "product_added_to_wishlist",
}
_OF_THE_CART = frozenset({"product_added", "cart_viewed", "checkout_step_viewed", "order_completed"})
_PROPERTY = {"page_viewed": "page", "checkout_step_viewed": "step"}
"""Where the word of the data set says more than our type."""
SKU = "unknown"


class Retentioneering:
    """The file of events, or a folder of such."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read a file or every `.csv` of a folder. Raises SourceError where the columns are others."""
        ids = RowIds()
        files = files_in(path, (".csv",))
        yield from in_time_order(
            line for file in files for line in events_of(file, rows_of(file, COLUMNS), partial(_event, ids))
        )


def _event(ids: RowIds, line: bytes) -> ChannelEvent:
    user_id, session_id, kind, timestamp, platform, acquisition, cohort, lifecycle = cells_of(line, COLUMNS)
    event_type = EVENT_TYPES.get(kind)
    if event_type is None:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"event: {kind!r} is none of {', '.join(EVENT_TYPES)}")
    said = ((_PROPERTY.get(event_type), kind), ("cohort", cohort), ("lifecycle", lifecycle))
    return ChannelEvent(
        occurred_at_ms=time_ms("timestamp", timestamp, "%Y-%m-%d %H:%M:%S", "2024-01-04 11:45:38"),
        event_id=ids.id_of(line),
        event_type=event_type,
        channel="web",
        identifiers={"account": user_id} if user_id else {},
        session_id=session_id or None,
        order_id=session_id or None if event_type == "order_completed" else None,
        cart_id=session_id or None if event_type in _OF_THE_CART else None,
        items=(Item(SKU),) if event_type == "product_added" else (),
        context=Context(
            device=platform or None,
            campaign=Campaign(medium=acquisition) if acquisition else None,
        ),
        properties={name: value for name, value in said if name and value},
    )
