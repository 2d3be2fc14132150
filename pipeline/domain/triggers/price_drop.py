"""The price drop: what a customer looks at has become cheaper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Item
from pipeline.domain.facets.interests import Interests
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import Hearing, Want
from pipeline.domain.money import money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import bought_before, instead_of
from pipeline.domain.triggers.steps import Cancel, Fired, Proposal, Step
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`percent`: by how much the price must have fallen."""

    percent: Annotated[float, Meta(gt=0.0, lt=100.0)] = 10.0


class PriceDrop(kind.Kind):
    """Fires when the price of a product in a cart, wished for or asked about has fallen by `percent`.

    Unless the customer has bought it since, it has risen again before they could be told, or they know its price in
    another currency: these are never compared. At most once per price and interest, and per `cooldown` if the rule has
    one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset({"order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its threshold."""
        super().__init__(rule, config)
        self._percent = config.percent

    def hears(self) -> Hearing:
        """Hear of prices of what the customer is interested in."""
        return Hearing(price=Want.PRICE_ALERT | Want.WISH | Want.CART)

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Compare the price with the one the customer knows, else with the one before (B31).

        What is held goes when the price changes, in favour of the new one if that is low enough too.
        """
        if news.unit_price_minor is None:
            return ()
        held = customer.held_about(self.rule, _subject(news))
        proposal = self._proposal(news, news.unit_price_minor, held, customer)
        return (Cancel(_subject(news), DropReason.NOT_SO),) if proposal is None else instead_of(held, proposal)

    def _proposal(
        self, news: ProductNews, now_minor: int, held: Proposal | None, customer: CustomerView
    ) -> Proposal | None:
        interest, currency = _interest(news.sku, customer), news.currency
        if interest is None or interest.currency not in (None, currency):
            return None
        known_minor, since_ms = interest.price_minor, interest.since_ms
        if held is None and news.before_minor is not None and news.before_minor < now_minor:
            return None  # it was lower, and they know
        if known_minor is None or interest.currency is None:
            if news.occurred_at_ms < since_ms:  # the customer came after it
                return None
            known_minor = _before(held, news)
        if known_minor is None or not 0 <= now_minor < known_minor:
            return None
        if (known_minor - now_minor) * 100 < known_minor * self._percent:
            return None
        name = f"{_subject(news)}/{now_minor}"
        told_at_ms = customer.mark(self.rule, name)
        if told_at_ms is not None and told_at_ms >= since_ms:
            return None
        return Proposal(
            subject=_subject(news),
            generation=f"{since_ms}/{currency}/{now_minor}/{news.event_id}",
            due_at_ms=max(news.occurred_at_ms, since_ms),
            about=news.sku,
            since_ms=since_ms,
            caused_by=news.event_id,
            items=(Item(news.sku, 1, now_minor, currency),),
            context={"before_minor": known_minor, "now_minor": now_minor, "currency": currency},
            reason=f"{news.sku} costs {money_text(now_minor, currency)}, "
            f"{(known_minor - now_minor) * 100 / known_minor:.0f} % less",
            told_as=name,
        )

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back word of what was bought."""
        return bought_before(fired, order)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has bought it meanwhile, wants it no more, or knows as low a price, or another currency."""
        if customer.owned.get(proposal.about, -1) >= proposal.since_ms:
            return DropReason.BOUGHT
        interest = _interest(proposal.about, customer)
        is_news = interest is not None and all(map(interest.is_news, proposal.items))
        return None if is_news else DropReason.NOT_SO


def _subject(news: ProductNews) -> str:
    """Each currency by itself: what becomes dearer in one takes nothing back that was said of another."""
    return f"{news.sku}/{news.currency}"


def _before(held: Proposal | None, news: ProductNews) -> int | None:
    """Return the price before: of one that was not told yet, that before it."""
    before_minor = None if held is None else held.context["before_minor"]
    return before_minor if isinstance(before_minor, int) else news.before_minor


class _Interest(Struct, frozen=True):
    """Since when (ms) the customer is interested in a product, and the price they know (minor units), or currency."""

    since_ms: int
    price_minor: int | None
    currency: str | None

    def is_news(self, item: Item) -> bool:
        """Whether a price is in the currency they know, if any, and lower than the one they know in it."""
        if self.currency is None:
            return True
        now_minor = item.unit_price_minor
        is_lower = self.price_minor is None or now_minor is None or now_minor < self.price_minor
        return self.currency == item.currency and is_lower


def _interest(sku: str, customer: CustomerView) -> _Interest | None:
    """Return the customer's latest interest in a product that they have not bought since; None without any."""
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
    latest = max(found, key=lambda each: (each.since_ms, each.price_minor or 0, each.currency or ""), default=None)
    return None if latest is None or customer.owned.get(sku, -1) >= latest.since_ms else latest
