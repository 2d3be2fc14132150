"""The refill reminder: what runs out should be there in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.to_customer import Complements
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import in_time, not_any_more
from pipeline.domain.triggers.steps import Ask, Cancel, Change, Fired, Mark, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView

_WAITED_FOR = 20
"""Products of a customer that are waited for: a weekly shop must not take the timers of all other rules."""


class Config(kind.Config, frozen=True):
    """`ahead_ms` before it runs out. `skus`: only these products; `categories`: only these; both empty: all.

    `shortest_ms` and `longest_ms`: a rhythm outside is none: a second one for a friend, a coat every two winters.
    """

    ahead_ms: Annotated[int, Meta(ge=0)] = 3 * DAY_MS
    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    shortest_ms: Annotated[int, Meta(ge=1)] = 3 * DAY_MS
    longest_ms: Annotated[int, Meta(ge=1)] = 180 * DAY_MS


class Replenishment(kind.Kind):
    """Fires when a product bought will run out `ahead` from now, by the customer's own rhythm, else the product's.

    Unless it was bought again, in any channel, or the order was cancelled or given back, or the customer has bought it
    often enough to show that there is no rhythm in it. At most once per purchase of a product. A purchase we learn of
    too late takes the trigger back.

    Two pieces do not last twice as long: who buys two each time has that in their rhythm, and a reminder that comes
    early costs less than one that comes when another shop has sold the next.
    """

    config_type = Config
    events = frozenset({"order_completed", "order_cancelled", "order_refunded"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Wait anew for each product of an order; ask how long it lasts others where the customer has no rhythm."""
        purchases = customer.facets.purchases
        if change.event.event_type != "order_completed":
            return _given_back(change.event, customer)
        if change.ordered is None or purchases is None:
            return ()
        steps: list[Step] = []
        if self._config.categories:
            steps += self._unanswered(change.at_ms, customer)
        bought = {item.sku: item for item in change.event.items if item.sku in change.ordered}
        # Not those called off before they were told, or bought again since.
        skus = [sku for sku, item in bought.items() if customer.owned.get(sku) == change.at_ms and self._wanted(item)]
        rhythms = {sku: purchases.product_rhythm_days(sku) for sku in skus}
        skus.sort(key=lambda sku: (rhythms[sku] is None, sku))
        steps += [Cancel(sku, DropReason.REFILLED) for sku in skus]
        room = self._room(customer) + sum(customer.waits_until(self.rule, sku) is not None for sku in skus)
        for sku in skus[: max(room, 0)]:
            rhythm_days = rhythms[sku]
            if rhythm_days is not None:
                steps += self._wait(sku, rhythm_days, change.at_ms, "own")
                continue
            if purchases.buys_at_no_rhythm(sku):
                continue
            steps.append(Ask(sku))
            if self._config.categories:  # which the answer will not know
                steps.append(Mark(sku, change.at_ms))
        return steps

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the reminder of what was bought again."""
        return "It was bought before it ran out" if fired.about in order.skus else None

    def on_complements(self, answer: Complements, customer: CustomerView) -> Sequence[Step]:
        """Wait by the product's rhythm, where this rule would have asked: others ask products too."""
        sku, at_ms, config = answer.sku, answer.asked_at_ms, self._config
        was_asked = not config.categories or customer.mark(self.rule, sku) == at_ms
        is_ours = was_asked and (not config.skus or sku in config.skus)
        if not is_ours or answer.rhythm_days is None or customer.owned.get(sku) != at_ms:
            return ()
        purchases = customer.facets.purchases
        if purchases is None or self._room(customer) <= 0:
            return ()
        if purchases.product_rhythm_days(sku) is not None or purchases.buys_at_no_rhythm(sku):
            return ()
        return self._wait(sku, answer.rhythm_days, at_ms, "product")

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say why a product bought at that time need not be refilled; None if it must."""
        last_at_ms = customer.owned.get(subject)
        if last_at_ms is not None and last_at_ms > since_ms:
            return DropReason.REFILLED
        of_it = [
            subject in order.kept_skus
            for order in customer.orders.values()
            if order.at_ms == since_ms and subject in order.skus
        ]
        return DropReason.CALLED_OFF if last_at_ms is None or (of_it and not any(of_it)) else None

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the refill."""
        sku = timer.subject
        end = self.end(sku, timer.since_ms, customer)
        if end is not None:
            return (not_any_more(timer, end),)
        whose, _, days = timer.note.partition(" ")
        if whose not in ("own", "product"):  # it was armed by a rule of this name but of another kind
            return (not_any_more(timer, DropReason.RULE_REMOVED),)
        is_own = whose == "own"
        reason = f"{sku} is bought again every {days} days" if is_own else f"{sku} lasts others {days} days"
        context = {"rhythm_days": float(days), "rhythm_of": "customer" if is_own else "product"}
        return (in_time(timer, reason, about=sku, items=(Item(sku),), context=context),)

    def _wait(self, sku: str, rhythm_days: float, at_ms: int, whose: str) -> list[Step]:
        rhythm_ms = int(rhythm_days * DAY_MS)
        if not self._config.shortest_ms <= rhythm_ms <= self._config.longest_ms:
            return []
        due_at_ms = at_ms + max(rhythm_ms - self._config.ahead_ms, self._config.shortest_ms // 2)
        return [WakeAt(sku, due_at_ms, at_ms, by_event=True, note=f"{whose} {rhythm_days:g}")]

    def _room(self, customer: CustomerView) -> int:
        return _WAITED_FOR - customer.waiting(self.rule)

    def _unanswered(self, at_ms: int, customer: CustomerView) -> list[Step]:
        """Forget the questions that nobody has answered for a day."""
        day_ago_ms = at_ms - DAY_MS
        return [Mark(sku, None) for sku in customer.owned if (customer.mark(self.rule, sku) or at_ms) < day_ago_ms]

    def _wanted(self, item: Item) -> bool:
        skus, categories = self._config.skus, self._config.categories
        return (not skus or item.sku in skus) and (not categories or item.attributes.get("category") in categories)


def _given_back(event: ChannelEvent, customer: CustomerView) -> list[Step]:
    """Stop waiting for products of an order of which the customer keeps no piece."""
    order = customer.orders.get(event.order_id or "")
    if order is None:
        return []
    return [
        Cancel(sku, DropReason.CALLED_OFF)
        for sku in sorted(order.gone_skus)
        if customer.owned.get(sku, order.at_ms) <= order.at_ms
    ]
