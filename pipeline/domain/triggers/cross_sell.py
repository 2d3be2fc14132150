"""Cross-selling: what goes well with it, by what other customers bought together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Item, Scalar
from pipeline.domain.messages.to_customer import Complements
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import bought_before, is_in_a_cart
from pipeline.domain.triggers.steps import Ask, Change, Drop, Fired, Proposal, Step
from pipeline.domain.triggers.view import CustomerView

ASKS_PER_EVENT = 10
"""SKUs of one order asked about, first by SKU: only one answer is sent, and each asking is a message to a product."""


class Config(kind.Config, frozen=True):
    """`min_baskets`: orders that held both; `min_confidence`: their share (0 to 1) of those that held the first.

    For the share recent orders count more.
    """

    min_baskets: Annotated[int, Meta(ge=1)] = 3
    min_confidence: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.1


class CrossSell(kind.Kind):
    """Fires when a customer buys a product, or puts it into a cart, that others often bought together with another.

    Offered is what goes best with it, not what everybody buys anyway; with a product too new to tell, what goes with
    its category. Unless the customer already owns the other or has it in a cart (then the next best is proposed), too
    few orders speak for the pair, or the product went back, or out of the cart, before they could be told. At most once
    per event, and per `cooldown` if the rule has one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset(("product_added", "order_completed"))

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its thresholds."""
        super().__init__(rule, config)
        self._min_baskets = config.min_baskets
        self._min_confidence = config.min_confidence

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Ask about what was bought or carted."""
        skus = change.carted if change.order is None else change.order.kept_skus
        return [Ask(sku) for sku in skus[:ASKS_PER_EVENT]]

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the offer of what was bought."""
        return bought_before(fired, order)

    def on_complements(self, answer: Complements, customer: CustomerView) -> Sequence[Step]:
        """Propose the best complement the customer neither owns nor has in a cart."""
        passed_over: DropReason | None = None
        for complement in answer.complements:
            if complement.baskets < self._min_baskets or complement.confidence < self._min_confidence:
                continue
            if complement.sku in customer.owned:
                passed_over = passed_over or DropReason.ALREADY_OWNED
                continue
            if is_in_a_cart(complement.sku, customer):
                passed_over = passed_over or DropReason.IN_CART
                continue
            share, one, with_it = f"{complement.confidence * 100:.0f} %", answer.sku, answer.sku
            context: dict[str, Scalar] = {
                "goes_with": one,
                "baskets": complement.baskets,
                "confidence": complement.confidence,
                "seen_in": answer.channel,
            }
            if complement.lift is not None:
                context["lift"] = complement.lift
            if answer.of_category:
                context["of_category"] = answer.of_category
                one, with_it = f"{answer.of_category}, the category of {one}", "such"
            proposal = Proposal(
                subject=answer.sku,
                generation=answer.event_id,
                due_at_ms=answer.asked_at_ms,
                about=complement.sku,
                since_ms=0,
                caused_by=answer.event_id,
                items=(Item(complement.sku),),
                context=context,
                reason=f"{complement.sku} goes well with {one}: "
                f"bought together in {complement.baskets} orders, {share} of those with {with_it}",
            )
            return (proposal,)
        if passed_over is None:
            return ()
        return (Drop(answer.sku, answer.event_id, answer.asked_at_ms, answer.event_id, passed_over),)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not offer what was bought or carted meanwhile, nor what goes with what went back or was taken out."""
        if proposal.about in customer.owned:
            return DropReason.ALREADY_OWNED
        if is_in_a_cart(proposal.about, customer):
            return DropReason.IN_CART
        with_it = str(proposal.context.get("goes_with", ""))
        return None if with_it in customer.owned or is_in_a_cart(with_it, customer) else DropReason.NOT_SO
