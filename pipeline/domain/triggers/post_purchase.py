"""After the purchase: thanks, care tips, a request for a review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.events import Item, Scalar
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import duration_text
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait, was_sent
from pipeline.domain.triggers.steps import Cancel, Change, Mark, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_PAST = {
    "order_completed": "placed",
    "order_shipped": "shipped",
    "order_delivered": "delivered",
    "order_collected": "collected",
}


class Config(kind.Config, frozen=True):
    """`after`: the event that starts the wait; `delay_ms` from it (0: at once); `about`: what the message is.

    A `review` is asked for only of products not reviewed since they were ordered.
    """

    after: Literal["order_completed", "order_shipped", "order_delivered", "order_collected"] = "order_delivered"
    delay_ms: Annotated[int, Meta(ge=0)] = 0
    about: Literal["thanks", "care", "review"] = "thanks"


class PostPurchase(kind.Kind):
    """Fires when an order was placed, shipped, delivered or collected (`after`), and `delay` has passed.

    Unless the order was cancelled or given back, or, for a review, all of it was reviewed; products of it that were
    given back are not named. At most once per order.
    """

    config_type = Config
    sells = False

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config
        settling = {"product_reviewed"} if config.about == "review" else set()
        self.events = frozenset({config.after, "order_cancelled", "order_refunded"} | settling)

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait from the event on; stop when the order comes back; remember what was reviewed."""
        event = change.event
        order_id = event.order_id or event.event_id
        if event.event_type == "product_reviewed":
            return [Mark(_of(item), max(change.at_ms, self._reviewed_ms(item, customer))) for item in event.items]
        if event.event_type in ("order_cancelled", "order_refunded"):
            return () if _is_kept(customer, order_id) else (Cancel(order_id, DropReason.CALLED_OFF),)
        if customer.mark(self.rule, order_id) is not None:
            return ()
        mark = Mark(order_id, change.at_ms)
        if self._config.delay_ms:
            return (mark, wait(order_id, change.at_ms + self._config.delay_ms, change))
        if self.end(order_id, change.at_ms, customer) is not None:
            return (mark,)
        items = self._items(order_id, customer, event.items)
        context = self._context(order_id)
        return (mark, at_once(change, self._reason(order_id), subject=order_id, items=items, context=context))

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Stop waiting if the order came back, or its message was sent, on the other side."""
        return self._told_or_ended(timer.subject, timer.since_ms, customer)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Nor send what was sent on the other side while it waited."""
        return self._told_or_ended(proposal.subject, proposal.since_ms, customer)

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Name what the customer keeps by now."""
        return replace(proposal, items=self._items(proposal.subject, customer, proposal.items))

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the message with what the customer keeps."""
        order_id = timer.subject
        end = self.end(order_id, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        items = self._items(order_id, customer)
        return (in_time(timer, self._reason(order_id), items=items, context=self._context(order_id)),)

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say why there is nothing to write about an order; None if there is."""
        if not _is_kept(customer, subject):
            return DropReason.CALLED_OFF
        known = customer.orders.get(subject)
        nothing_left = known is not None and known.skus and not self._items(subject, customer)
        return DropReason.DONE if nothing_left else None

    def _told_or_ended(self, order_id: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        if was_sent(self.rule, order_id, customer):
            return DropReason.DONE
        return self.end(order_id, since_ms, customer)

    def _items(self, order_id: str, customer: CustomerView, told: tuple[Item, ...] = ()) -> tuple[Item, ...]:
        """Return what was `told`, else what was ordered, without what went back of it or was reviewed since."""
        known = customer.orders.get(order_id)
        if known is None:
            return told
        items = told or tuple(map(Item, known.skus))
        if self._config.about == "review":
            items = tuple(item for item in items if self._reviewed_ms(item, customer) < known.at_ms)
        return tuple(item for item in items if item.sku not in known.gone_skus)

    def _reviewed_ms(self, item: Item, customer: CustomerView) -> int:
        return customer.mark(self.rule, _of(item)) or -1

    def _reason(self, order_id: str) -> str:
        since = f" {duration_text(self._config.delay_ms)} ago" if self._config.delay_ms else ""
        return f"Order {order_id} was {_PAST[self._config.after]}{since}"

    def _context(self, order_id: str) -> dict[str, Scalar]:
        return {"order_id": order_id, "about": self._config.about}


def _of(item: Item) -> str:
    """Return what a product reviewed is remembered under, beside the orders."""
    return f"sku {item.sku}"


def _is_kept(customer: CustomerView, order_id: str) -> bool:
    """Whether the customer keeps the order; one whose completion nobody told is taken to be kept."""
    order = customer.orders.get(order_id)
    if order is None or order.is_kept:
        return True
    return order.amount_minor is None and not (order.cancelled or order.refunded_whole)
