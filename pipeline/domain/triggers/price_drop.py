"""The price drop: what a customer looks at has become cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.domain.events import Item
from pipeline.domain.facets.interests import Interests
from pipeline.domain.messages import ProductNews
from pipeline.domain.money import money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.steps import Cancel, Mark, Proposal, Step
from pipeline.domain.triggers.view import CustomerView
from pipeline.domain.wave_messages import Hearing, Want


class Config(kind.Config, frozen=True):
    """`percent`: by how much the price must have fallen."""

    percent: Annotated[float, Meta(gt=0.0, lt=100.0)] = 10.0


class PriceDrop(kind.Kind):
    """Fires when the price of a product in a cart, wished for or asked about has fallen by `percent`.

    Unless the customer has bought it since, or the currencies differ: they are never compared. At most once per price
    and interest, and per `cooldown` if the rule has one.
    """

    config_type = Config
    events = frozenset()

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its threshold."""
        super().__init__(rule, config)
        self._percent = config.percent

    def hears(self) -> Hearing:
        """Hear of prices of what the customer is interested in."""
        return Hearing(price=Want.PRICE_ALERT | Want.WISH | Want.CART)

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Compare the price with the one the customer knows, else with the one before (B31)."""
        now_minor, currency = news.unit_price_minor, news.currency
        interest = _interest(news.sku, customer)
        if now_minor is None or interest is None or customer.owned.get(news.sku, -1) >= interest.since_ms:
            return ()
        if news.before_minor is not None and news.before_minor < now_minor:
            return self._dearer(news, news.before_minor, interest.since_ms, customer)
        known_minor, since_ms = interest.price_minor, interest.since_ms
        if known_minor is None or interest.currency != currency:
            if news.occurred_at_ms < since_ms:  # the customer came after it
                return ()
            known_minor = news.before_minor
        if known_minor is None or not 0 <= now_minor < known_minor:
            return ()
        if (known_minor - now_minor) * 100 < known_minor * self._percent:
            return ()
        name = _name(news, now_minor)
        told_at_ms = customer.mark(self.rule, name)
        if told_at_ms is not None and told_at_ms >= since_ms:
            return ()
        at_ms = max(news.occurred_at_ms, since_ms)
        proposal = Proposal(
            subject=_subject(news),
            generation=f"{since_ms}/{currency}/{now_minor}",
            due_at_ms=at_ms,
            about=news.sku,
            since_ms=since_ms,
            caused_by=news.event_id,
            items=(Item(news.sku, 1, now_minor, currency),),
            context={"before_minor": known_minor, "now_minor": now_minor, "currency": currency},
            reason=f"{news.sku} costs {money_text(now_minor, currency)}, "
            f"{(known_minor - now_minor) * 100 / known_minor:.0f} % less",
        )
        return (Mark(name, at_ms), proposal)

    def _dearer(self, news: ProductNews, before_minor: int, since_ms: int, customer: CustomerView) -> Sequence[Step]:
        """Hold no word of a price that is gone; who was not told of it is, when it comes again."""
        gone = Cancel(_subject(news), DropReason.NOT_SO)
        told_at_ms = customer.mark(self.rule, _name(news, before_minor))
        was_told = any(
            fired.rule == self.rule and fired.about == news.sku and fired.since_ms >= since_ms
            for fired in customer.fired
        )
        if was_told or told_at_ms is None or not told_at_ms <= news.occurred_at_ms < told_at_ms + DAY_MS:
            return (gone,)
        return (gone, Mark(_name(news, before_minor), None))

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has bought it meanwhile, or is no longer interested."""
        if customer.owned.get(proposal.about, -1) >= proposal.since_ms:
            return DropReason.BOUGHT
        return DropReason.NOT_SO if _interest(proposal.about, customer) is None else None


def _subject(news: ProductNews) -> str:
    """Each currency by itself: what becomes dearer in one takes nothing back that was said of another."""
    return f"{news.sku}/{news.currency}"


def _name(news: ProductNews, price_minor: int) -> str:
    return f"{_subject(news)}/{price_minor}"


class _Interest(Struct, frozen=True):
    """Since when (ms) the customer is interested in a product, and the price they know (minor units)."""

    since_ms: int
    price_minor: int | None
    currency: str | None


def _interest(sku: str, customer: CustomerView) -> _Interest | None:
    """Return the customer's latest interest in a product; None without any."""
    found: list[_Interest] = []
    interests = customer.facets.interests or Interests()
    for cart in customer.carts.values():
        line = cart.lines.get(sku)
        if line is not None and line.quantity > 0:
            found.append(_Interest(line.changed_at_ms, line.unit_price_minor, line.currency))
    wish, alert = interests.wishes.get(sku), interests.alerts.get(sku)
    if wish is not None and wish.wished:
        found.append(_Interest(wish.at_ms, wish.unit_price_minor, wish.currency))
    if alert is not None and alert.price_at_ms:
        found.append(_Interest(alert.price_at_ms, alert.unit_price_minor, alert.currency))
    return max(found, key=lambda each: (each.since_ms, each.price_minor or 0, each.currency or ""), default=None)
