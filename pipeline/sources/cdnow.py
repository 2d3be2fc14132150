"""The orders of CDNOW, an online shop for CDs, of the data set of Fader and Hardie (CSV, US dollars).

`customer_id,date,number_of_cds,dollar_value`, one row an order, by customer: read whole, and told as it happened. The
day is all we know of the time, so that an order is at midnight, UTC. Rows have no id. Equal rows are equal orders: no
row was told twice. Free orders are orders. Which CDs were bought is not known, so that each is a `cd`, without a price.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import Line
from pipeline.sources.files import events_of, files_in
from pipeline.sources.table import RowIds, cells_of, in_time_order, minor, rows_of, time_ms, whole

COLUMNS = ["customer_id", "date", "number_of_cds", "dollar_value"]
CURRENCY = "USD"
SKU = "cd"


class Cdnow:
    """The file of transactions, or a folder of such."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read a file or every `.csv` of a folder. Raises SourceError where the columns are others."""
        ids = RowIds()
        files = files_in(path, (".csv",))
        yield from in_time_order(
            line for file in files for line in events_of(file, rows_of(file, COLUMNS), partial(_event, ids))
        )


def _event(ids: RowIds, line: bytes) -> ChannelEvent:
    customer_id, date, number_of_cds, dollar_value = cells_of(line, COLUMNS)
    occurred_at_ms = time_ms("date", date, "%Y%m%d", "19970101")
    quantity = whole("number_of_cds", number_of_cds)
    amount_minor = minor("dollar_value", dollar_value)
    event_id = ids.id_of(line)
    return ChannelEvent(
        event_id=event_id,
        event_type="order_completed",
        channel="web",
        occurred_at_ms=occurred_at_ms,
        identifiers={"account": customer_id} if customer_id else {},
        order_id=event_id,
        items=(Item(SKU, quantity),),
        amount_minor=amount_minor,
        currency=CURRENCY,
    )
