"""What a product costs and has cost, each currency by itself: they are never compared."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from pipeline.domain.customer.as_json import Json
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import ProductTold
from pipeline.domain.time import rfc3339

CHANGES_KEPT = 20
"""Prices remembered per currency, the present one included: a price that changes each day is known for three weeks."""

CURRENCIES_KEPT = 32
"""Currencies per product: more than any shop sells in. The one told of longest ago goes."""


class PriceChange(Struct, frozen=True):
    """The price in `currency` was `before_minor` (None: there was none) and is `after_minor`."""

    currency: str
    before_minor: int | None
    after_minor: int


class Since(Struct, frozen=True, array_like=True, gc=False):
    """A price, and from when (ms) on it held."""

    at_ms: int
    unit_price_minor: int


class History(Struct, frozen=True, array_like=True, gc=False):
    """The prices in one currency, the present one last, and the stamp of what was told last of it."""

    told_at_ms: int
    told_version: int
    changes: tuple[Since, ...]


class Prices(Struct, frozen=True, array_like=True, gc=False):
    """Currency to what is known of the price in it."""

    by_currency: dict[str, History] = {}

    def told(self, message: ProductTold) -> tuple[Prices, PriceChange | None, Sequence[Effect]]:
        """Take in the price of `message`, which has one with its currency; return whether it is another now.

        What is older than the present price is ignored; of two told at once the lower holds.
        """
        currency, price = message.currency, message.unit_price_minor
        assert currency is not None
        assert price is not None
        known = self.by_currency.get(currency)
        stamp = (message.updated_at_ms, message.version)
        before = None
        changes: tuple[Since, ...] = ()
        if known is not None:
            known_stamp = (known.told_at_ms, known.told_version)
            changes = known.changes
            before = changes[-1].unit_price_minor
            if stamp < known_stamp:
                return self, None, (Count("catalog_ignored", "late_price"),)
            if stamp == known_stamp and price >= before:
                return self, None, ()
        if price != before:
            changes = (*changes, Since(message.updated_at_ms, price))[-CHANGES_KEPT:]
        by_currency = {**self.by_currency, currency: History(*stamp, changes)}
        effects: list[Effect] = []
        if len(by_currency) > CURRENCIES_KEPT:
            del by_currency[min(by_currency, key=lambda name: _age(name, by_currency[name]))]
            effects.append(Count("evictions", "currencies"))
        changed = None if price == before else PriceChange(currency, before, price)
        return Prices(by_currency), changed, effects

    def current(self) -> tuple[str, int] | None:
        """Return the currency and price told of last; None where there is none."""
        if not self.by_currency:
            return None
        currency = max(self.by_currency, key=lambda name: _age(name, self.by_currency[name]))
        return currency, self.by_currency[currency].changes[-1].unit_price_minor

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about prices."""
        current = self.current()
        return {
            "currency": current[0] if current else None,
            "price_minor": current[1] if current else None,
            "prices": {
                currency: [
                    {"price_minor": price.unit_price_minor, "since": rfc3339(price.at_ms)} for price in history.changes
                ]
                for currency, history in sorted(self.by_currency.items())
            },
        }


def _age(currency: str, history: History) -> tuple[int, int, str]:
    return history.told_at_ms, history.told_version, currency
