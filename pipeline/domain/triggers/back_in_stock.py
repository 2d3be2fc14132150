"""Back in stock: what a customer waits for can be had again."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.events import Item
from pipeline.domain.messages import ProductNews
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.steps import Cancel, Mark, Proposal, Step
from pipeline.domain.triggers.view import CustomerView

_HELD_MS = DAY_MS
"""How long a word may be held back: quiet hours are over within the day."""


class Config(kind.Config, frozen=True):
    """`wishes`: also who only wished for it, not just who asked to be told."""

    wishes: bool = True


class BackInStock(kind.Kind):
    """Fires when a product is there again that the customer asked to be told of, or wished for.

    Unless it is there in other sizes only, the customer has bought it, or it is gone before they could be told. At
    most once per asking: flapping stock does not repeat.
    """

    config_type = Config
    events = frozenset()

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._wishes = config.wishes

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Tell who waits, once."""
        if news.in_stock is None:
            return ()
        asked_at_ms, size = self._asking(news.sku, customer)
        if not asked_at_ms or (size is not None and news.size is not None and size != news.size):
            return ()
        if news.in_stock <= 0:
            return self._sold_out(news, asked_at_ms, customer)
        told_at_ms = customer.mark(self.rule, news.sku)
        if told_at_ms is not None and told_at_ms >= asked_at_ms:
            return ()
        if customer.owned.get(news.sku, -1) >= asked_at_ms:
            return ()
        at_ms = max(news.occurred_at_ms, asked_at_ms)
        proposal = Proposal(
            subject=news.sku,
            generation=f"{asked_at_ms}/{news.event_id}",
            due_at_ms=at_ms,
            about=news.sku,
            since_ms=asked_at_ms,
            caused_by=news.event_id,
            items=(Item(news.sku, attributes={} if news.size is None else {"size": news.size}),),
            context={"in_stock": news.in_stock, "size": news.size},
            reason=f"{news.sku} is there again",
        )
        return (Mark(news.sku, at_ms), proposal)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has bought it meanwhile, or waits no longer."""
        if customer.owned.get(proposal.about, -1) >= proposal.since_ms:
            return DropReason.BOUGHT
        asked_at_ms, _ = self._asking(proposal.about, customer)
        return None if asked_at_ms else DropReason.NOT_SO

    def _asking(self, sku: str, customer: CustomerView) -> tuple[int, str | None]:
        """Return when the customer last asked or wished for it (0: did not), and the size they asked for."""
        interests = customer.facets.interests
        if interests is None:
            return 0, None
        alert, wish = interests.alerts.get(sku), interests.wishes.get(sku)
        asked_at_ms, size = (0, None) if alert is None else (alert.stock_at_ms, alert.size)
        if self._wishes and wish is not None and wish.wished:
            asked_at_ms = max(asked_at_ms, wish.at_ms)
        return asked_at_ms, size

    def _sold_out(self, news: ProductNews, asked_at_ms: int, customer: CustomerView) -> Sequence[Step]:
        """Hold no word of what is gone again; who was not told of it waits on."""
        told_at_ms = customer.mark(self.rule, news.sku)
        if told_at_ms is None or not told_at_ms <= news.occurred_at_ms < told_at_ms + _HELD_MS:
            return ()
        sold_out = Cancel(news.sku, DropReason.SOLD_OUT)
        for fired in customer.fired:
            if fired.rule == self.rule and fired.about == news.sku and fired.since_ms >= asked_at_ms:
                return (sold_out,)
        return (sold_out, Mark(news.sku, None))
