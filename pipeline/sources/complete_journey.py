"""A year of a grocer's baskets, by household: The Complete Journey of 84.51° (CSV, US dollars).

A folder with `transactions*.csv` (one row a product, the rows of a basket one after the other) and, beside them,
`products*.csv`, which give the lines their category and name; the transactions alone are read too. A basket is an order
at the till of a store, its amount what was paid, to the cent; the price of one piece is rounded. A household has one
loyalty card: it is the account. Times have no zone and are read as UTC. Other files of the folder are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import Line, Rejected, SourceError
from pipeline.sources.baskets import baskets_of
from pipeline.sources.files import STANDARD_INPUT, decoded, files_in
from pipeline.sources.table import cells_of, number, rows_of, time_ms

COLUMNS = [
    "household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc", "coupon_disc",
    "coupon_match_disc", "week", "transaction_timestamp",
]  # fmt: skip
PRODUCT_COLUMNS = [
    "product_id", "manufacturer_id", "department", "brand", "product_category", "product_type", "package_size",
]  # fmt: skip
TRANSACTIONS, PRODUCTS = "transactions", "products"
"""How the names of the files begin."""
CURRENCY = "USD"
MOST_PIECES = 500
"""More are no pieces but a measure, of fuel above all: one piece, and the number told as the line's `measure`. In the
whole of one sample no household bought more than 41 pieces of a product at once, and no measure was below 506."""


class _Row(Struct, frozen=True):
    """One line of a basket, and what was paid for it."""

    at_ms: int
    household_id: str
    store_id: str
    item: Item
    paid_minor: int


Attributes = Mapping[str, dict[str, str]]
"""SKU → what its lines are given."""


class CompleteJourney:
    """The folder of the data set, or a file of transactions."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read all transactions. Raises SourceError where there are none or their columns are others."""
        files, beside = files_in(path, (".csv",)), path if path.is_dir() else path.parent
        if path.is_dir():
            files = [file for file in files if file.name.startswith(TRANSACTIONS)]
            if not files:
                raise SourceError(f"{path}: no files here that end in .csv (or that and .gz) and begin {TRANSACTIONS}.")
        attributes = dict[str, dict[str, str]]()
        if path != STANDARD_INPUT:
            for pattern in (f"{PRODUCTS}*.csv", f"{PRODUCTS}*.csv.gz"):
                for file in sorted(beside.glob(pattern)):
                    attributes.update(_attributes(file))
        row: Callable[[bytes], tuple[str, _Row]] = partial(_row, attributes)
        for file in files:
            yield from baskets_of(file, rows_of(file, COLUMNS), row, _events)


def _attributes(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what each product gives its lines; a product that cannot be read gives nothing."""
    for found in decoded(file, rows_of(file, PRODUCT_COLUMNS), lambda line: cells_of(line, PRODUCT_COLUMNS)):
        if not isinstance(found, Rejected):
            product_id, _, _, _, category, name, _ = found[2]
            yield product_id, {word: text for word, text in (("category", category), ("name", name)) if text}


def _row(attributes: Attributes, line: bytes) -> tuple[str, _Row]:
    household_id, store_id, basket_id, sku, quantity, paid, _, _, _, _, timestamp = cells_of(line, COLUMNS)
    if not basket_id:
        raise InvalidEvent(InvalidReason.BAD_VALUE, "basket_id is empty")
    at_ms = time_ms("transaction_timestamp", timestamp, "%Y-%m-%dT%H:%M:%S", "2017-01-01T14:16:13")
    paid_minor = round(number("sales_value", paid) * 100)  # some are 2.220446e-16: a rest of binary fractions
    pieces = number("quantity", quantity)
    of_product = attributes.get(sku, {})
    if pieces > MOST_PIECES:
        pieces, of_product = number("quantity", "1"), {**of_product, "measure": quantity}
    if pieces != int(pieces):
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"quantity: {quantity!r} is not a whole number of pieces")
    price_minor = round(paid_minor / pieces) if pieces else None
    item = Item(sku, int(pieces), price_minor, CURRENCY, of_product)
    return basket_id, _Row(at_ms, household_id, store_id, item, paid_minor)


def _events(basket_id: str, rows: Sequence[_Row]) -> tuple[ChannelEvent, ...]:
    first = rows[0]
    return (
        ChannelEvent(
            event_id=f"complete_journey-{basket_id}",
            event_type="order_completed",
            channel="pos",
            occurred_at_ms=first.at_ms,
            identifiers={"account": first.household_id} if first.household_id else {},
            store_id=first.store_id or None,
            order_id=basket_id,
            items=tuple(row.item for row in rows),
            amount_minor=sum(row.paid_minor for row in rows),
            currency=CURRENCY,
        ),
    )
