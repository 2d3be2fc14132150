"""The invoices of a British web shop for gifts: Online Retail of the UCI repository, as CSV (pounds sterling).

`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country`, one row a product, the rows of an
invoice one after the other. An invoice is an order of many lines, postage (`POST`) and manual entries (`M`) among them:
they were paid like the rest. Times have no zone and are read as UTC, an hour off in a British summer.

An invoice `C…` tells what came back, and not of which order: each line is taken for the pieces of that product that
its customer bought last and has not given back yet. It becomes a refund of each order so found, and for what was
bought before the file begins, a refund with the number of the invoice itself, of an order that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.sources import Line
from pipeline.sources.baskets import baskets_of
from pipeline.sources.files import files_in
from pipeline.sources.table import cells_of, minor, rows_of, time_ms, whole

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
CURRENCY = "GBP"
RETURN = "C"
"""With what the number of an invoice begins that takes goods back."""
BOUGHT_KEPT = 200_000
"""Customers' products remembered for what may come back; the whole data set has 267,000. The oldest goes first."""
COUNTRIES = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE", "Finland": "FI", "France": "FR",
    "Germany": "DE", "Greece": "GR", "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP",
    "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT", "Netherlands": "NL", "Norway": "NO", "Poland": "PL",
    "Portugal": "PT", "RSA": "ZA", "Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES", "Sweden": "SE",
    "Switzerland": "CH", "USA": "US", "United Arab Emirates": "AE", "United Kingdom": "GB",
}  # fmt: skip
"""ISO 3166 of the data set's names; it also has `European Community`, `Channel Islands` and `Unspecified`."""


class _Row(Struct, frozen=True):
    """One line of an invoice; the quantity of what came back is positive too."""

    at_ms: int
    customer_id: str
    country: str
    item: Item


class OnlineRetail:
    """The file of invoices, or a folder of such."""

    def read(self, path: Path) -> Iterator[Line]:
        """Read a file or every `.csv` of a folder. Raises SourceError where the columns are others."""
        invoices = _Invoices()
        for file in files_in(path, (".csv",)):
            yield from baskets_of(file, rows_of(file, COLUMNS), _row, invoices.events)


def _row(line: bytes) -> tuple[str, _Row]:
    invoice, sku, description, quantity, date, price, customer_id, country = cells_of(line, COLUMNS)
    at_ms = time_ms("InvoiceDate", date, "%m/%d/%Y %H:%M", "12/1/2010 8:26")
    pieces = whole("Quantity", quantity)
    if invoice.startswith(RETURN):
        if pieces > 0:
            raise InvalidEvent(InvalidReason.BAD_VALUE, f"Quantity: {pieces} in {invoice}, which takes goods back")
        pieces = -pieces
    elif pieces < 0:
        raise InvalidEvent(InvalidReason.BAD_VALUE, f"Quantity: {pieces} in {invoice}, which takes nothing back")
    name = description.strip()
    item = Item(sku, pieces, minor("UnitPrice", price), CURRENCY, {"name": name} if name else {})
    return invoice, _Row(at_ms, customer_id, country.strip(), item)


class _Invoices:
    """Makes events of invoices, and remembers what may come back."""

    def __init__(self) -> None:
        #: Customer and SKU to the pieces still with the customer, by invoice, the oldest first.
        self._bought: dict[tuple[str, str], dict[str, int]] = {}

    def events(self, invoice: str, rows: Sequence[_Row]) -> Iterator[ChannelEvent]:
        """An order, or the refunds that one return makes."""
        if not invoice.startswith(RETURN):
            for row in rows:
                self._remember(invoice, row)
            yield _event("order_completed", f"online_retail-{invoice}", invoice, rows[0], [row.item for row in rows])
            return
        returned: dict[str, list[Item]] = {}
        for row in rows:
            for order_id, pieces in self._given_back(invoice, row):
                returned.setdefault(order_id, []).append(replace(row.item, quantity=pieces))
        for order_id, items in returned.items():
            yield _event("order_refunded", f"online_retail-{invoice}-{order_id}", order_id, rows[0], items)

    def _remember(self, invoice: str, row: _Row) -> None:
        if not row.customer_id:
            return
        orders = self._bought.setdefault((row.customer_id, row.item.sku), {})
        orders[invoice] = orders.get(invoice, 0) + row.item.quantity
        if len(self._bought) > BOUGHT_KEPT:
            del self._bought[next(iter(self._bought))]

    def _given_back(self, invoice: str, row: _Row) -> Iterator[tuple[str, int]]:
        """Yield (order, pieces); the return itself stands for an order that is not known."""
        orders = self._bought.get((row.customer_id, row.item.sku), {})
        left = row.item.quantity
        for order_id in reversed(list(orders)):
            pieces = min(left, orders[order_id])
            if pieces:
                orders[order_id] -= pieces
                left -= pieces
                yield order_id, pieces
        if left:
            yield invoice, left


def _event(event_type: str, event_id: str, order_id: str, row: _Row, items: Sequence[Item]) -> ChannelEvent:
    country = COUNTRIES.get(row.country)
    return ChannelEvent(
        event_id=event_id,
        event_type=event_type,
        channel="web",
        occurred_at_ms=row.at_ms,
        identifiers={"account": row.customer_id} if row.customer_id else {},
        order_id=order_id,
        items=tuple(items),
        amount_minor=sum(item.quantity * (item.unit_price_minor or 0) for item in items),
        currency=CURRENCY,
        context=Context(country=country) if country else None,
    )
