"""What a rule kind is: hooks that look at a customer and answer with steps. A kind changes nothing by itself.

The customer actor carries the steps out, the arbiter decides what becomes of each proposal. What starts something
(`WakeAt`, `Ask`, a `Proposal`) needs an event that just happened (B23); the actor sees to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.customer.orders import Order
from pipeline.domain.messages.to_customer import Complements, ProductNews
from pipeline.domain.messages.waves import NOTHING, Hearing
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers.steps import Change, Drop, Fired, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView


class Config(Struct, frozen=True):
    """Parameters of a kind, written in the rules file as `pipeline/struct_types.py` says.

    Numbers, durations (a field `<x>_ms` is `<x>` there), texts, `Literal` words, structs, tuples of them, unions of
    structs told apart by their first fields, `QuietHours`, `OfferPolicy` and `Condition`. Raise
    ValueError in `__post_init__` for what is wrong together.
    """

    def in_zone(self, time_zone: str) -> Self:
        """Return it completed by the time zone of the rules file, where it has one and none was written."""
        return self


class Kind:
    """One rule of one kind. Subclasses answer the hooks they need and name the event types they want to see."""

    config_type: ClassVar[type[Config]]
    events: frozenset[str] | None
    """Event types; None: all. Most kinds know theirs, some learn them from their parameters."""
    watches: ClassVar[bool] = False
    """Whether it waits also because of an event that did not just happen: what it watches may end by time alone."""
    cares: ClassVar[bool] = False
    """Whether its messages are about the customer's trouble: an open case or bad feedback does not silence them."""

    sells: ClassVar[bool] = True
    """Whether its messages offer their items: what is sold out is left out. False: they are of what was bought."""

    remembers_items: ClassVar[bool] = False
    """Whether it wants to know, once its message went out, what that named: an order of all that takes it back."""

    def __init__(self, rule: str, config: Config) -> None:
        """Bind the kind to the name of its rule and its parameters."""
        self.rule = rule

    def hears(self) -> Hearing:
        """Say what of products it wants to hear: customers tell products no more than that."""
        return NOTHING

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Answer an event; `customer` is as it is after the event."""
        return ()

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Answer a timer that has come due. A kind without timers meets one when a rule's kind was changed."""
        return (Drop(timer.subject, timer.generation, timer.due_at_ms, timer.caused_by, DropReason.RULE_REMOVED),)

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Say in a sentence why what was sent is taken back: it turns out that this order had come first (B13).

        Asked of what the rule itself sent, and of orders within the times that `Fired` tells. None: it stands.
        """
        return None

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Say why a timer has nothing to wait for, now that another customer's state has joined; None if it has."""
        return self.end(timer.subject, timer.since_ms, customer)

    def goes_on(self, one: Timer, other: Timer) -> Timer:
        """Return which of two goes on that wait about one subject, now that their customers have become one."""
        return max(one, other, key=lambda timer: (timer.due_at_ms, timer.generation))

    def on_complements(self, answer: Complements, customer: CustomerView) -> Sequence[Step]:
        """Answer what a product said goes well with it."""
        return ()

    def on_product(self, news: ProductNews, customer: CustomerView) -> Sequence[Step]:
        """Answer what a product the customer waits for has to tell."""
        return ()

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Say why a proposal that was held has become pointless; None if it still holds."""
        return self.end(proposal.subject, proposal.since_ms, customer)

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Bring a proposal that was held, and has not become pointless, up to date."""
        return proposal

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say what has ended that which the rule has waited for since `since_ms`; None if nothing has.

        Looks at all that is known, so that it is right whatever came late or from the other side of a merge.
        """
        return None
