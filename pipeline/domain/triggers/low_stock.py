"""Low stock: few pieces are left of what lies in the cart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.wants import own_size, wants_of
from pipeline.domain.events import Item
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import Hearing, Want
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import bought_before, instead_of
from pipeline.domain.triggers.steps import Cancel, Fired, Proposal, Step
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`pieces`: of how many pieces or fewer."""

    pieces: Annotated[int, Meta(ge=1, le=100)] = 3


class LowStock(kind.Kind):
    """Fires when no more than `pieces` are left of a product in an open cart, in the size that lies there.

    Unless none is left, or more again, or the customer has bought it or taken it out. At most once per product put into
    a cart. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset({"order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its threshold."""
        super().__init__(rule, config)
        self._pieces = config.pieces

    def hears(self) -> Hearing:
        """Hear of few pieces of what is in a cart."""
        return Hearing(low_at=self._pieces)

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Tell who has it in the cart; of what is held, tell how many are left now, or nothing any more."""
        if news.in_stock is None or news.pieces_before is None:
            return ()
        if news.size != own_size(customer, news.sku):
            return ()
        if news.in_stock <= 0:
            return (Cancel(news.sku, DropReason.SOLD_OUT),)
        if news.in_stock > self._pieces:
            return (Cancel(news.sku, DropReason.NOT_SO),)
        since_ms = _carted_ms(news.sku, customer)
        told_at_ms = customer.mark(self.rule, news.sku)
        if not since_ms or (told_at_ms is not None and told_at_ms >= since_ms):
            return ()
        held = customer.held_about(self.rule, news.sku)
        if held is None and news.in_stock > news.pieces_before:
            return ()
        left = "1 piece is" if news.in_stock == 1 else f"{news.in_stock} pieces are"
        proposal = Proposal(
            subject=news.sku,
            generation=f"{since_ms}/{news.event_id}",
            due_at_ms=max(news.occurred_at_ms, since_ms),
            about=news.sku,
            since_ms=since_ms,
            caused_by=news.event_id,
            items=(Item(news.sku, attributes={} if news.size is None else {"size": news.size}),),
            context={"in_stock": news.in_stock, "size": news.size},
            reason=f"{left} left of {news.sku}, which lies in the cart",
            told_as=news.sku,
        )
        return instead_of(held, proposal)

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back word of what was bought."""
        return bought_before(fired, order)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell who has bought it meanwhile, taken it out, or put in another size."""
        if customer.owned.get(proposal.about, -1) >= proposal.since_ms:
            return DropReason.BOUGHT
        is_of_it = proposal.context.get("size") == own_size(customer, proposal.about)
        return None if is_of_it and _carted_ms(proposal.about, customer) else DropReason.NOT_SO


def _carted_ms(sku: str, customer: CustomerView) -> int:
    return wants_of(customer, sku, Want.CART).asked_ms(Want.CART)
