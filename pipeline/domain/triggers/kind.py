"""What a rule kind is: hooks that look at a customer and answer with steps. A kind changes nothing by itself.

The customer actor carries the steps out, the arbiter decides what becomes of each proposal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, TypeAlias

from msgspec import Struct

from pipeline.domain.carts import Cart
from pipeline.domain.events import ChannelEvent, Item, Scalar
from pipeline.domain.messages import Complements
from pipeline.domain.reasons import DropReason


class Timer(Struct, frozen=True, array_like=True, gc=False):
    """A rule waits for `due_at_ms` about `subject` (a cart id) since `since_ms`; see `WakeAt`."""

    rule: str
    subject: str
    due_at_ms: int
    since_ms: int
    caused_by: str
    reopened: bool = False

    @property
    def generation(self) -> str:
        """What tells this waiting from every other about its subject, and so makes the ids of what comes of it.

        Its time does: each change later than all before has one of its own. A subject reopened may do without a
        later time, but no two events have the same id.
        """
        return f"{self.since_ms}/{self.caused_by}" if self.reopened else str(self.since_ms)


class Fired(Struct, frozen=True, array_like=True, gc=False):
    """A trigger that went out, remembered as long as a late purchase may overtake it.

    `about` is what that purchase would be of: a cart id or a SKU. `since_ms` is the earliest time of such a purchase.
    """

    trigger_id: str
    rule: str
    kind: str
    rules_version: str
    subject: str
    generation: str
    about: str
    since_ms: int
    due_at_ms: int
    expires_at_ms: int | None
    channel: str | None
    address: str | None
    caused_by: str


class Change(Struct, frozen=True, gc=False):
    """What one event changed in its customer.

    `touched` is the open cart changed strictly later than ever before, or else `reopened`: nothing was in it. It lies
    untouched since `touched_at_ms`. `emptied` is the cart this event emptied; `closed` the carts it bought; `carted`
    the SKUs it put into a cart; `ordered` those of an order not told before. `at_ms` is the event's own time.
    """

    event: ChannelEvent
    at_ms: int
    touched: str | None = None
    touched_at_ms: int = 0
    reopened: bool = False
    emptied: str | None = None
    closed: tuple[str, ...] = ()
    carted: tuple[str, ...] = ()
    ordered: tuple[str, ...] | None = None


class WakeAt(Struct, frozen=True, gc=False):
    """Wake the rule at `due_at_ms` about `subject`; replaces what it was waiting for about that subject.

    `since_ms` is the earliest time of a purchase that overtakes what comes of it. It must be later than that of any
    waiting before, unless the subject was `reopened` by this event.
    """

    subject: str
    due_at_ms: int
    since_ms: int
    reopened: bool = False


class Cancel(Struct, frozen=True, gc=False):
    """Wait no longer about `subject`: the proposal that would have come is dropped for `reason`."""

    subject: str
    reason: DropReason


class Ask(Struct, frozen=True, gc=False):
    """Ask the product what goes well with it; the answer comes to `on_complements`."""

    sku: str


class Revoke(Struct, frozen=True, gc=False):
    """A purchase overtook this trigger: take it back. `reason` is a sentence for people."""

    fired: Fired
    reason: str


class Proposal(Struct, frozen=True, gc=False):
    """Propose a trigger. Subject and generation make its id; `about` and `since_ms` see `Fired`."""

    subject: str
    generation: str
    due_at_ms: int
    about: str
    since_ms: int
    caused_by: str
    items: tuple[Item, ...]
    context: dict[str, Scalar]
    reason: str


class Drop(Struct, frozen=True, gc=False):
    """A proposal that a rule itself takes back, with what makes its id."""

    subject: str
    generation: str
    due_at_ms: int
    caused_by: str
    reason: DropReason


Step: TypeAlias = WakeAt | Cancel | Ask | Revoke


class CustomerView(Protocol):
    """What a rule may look at."""

    @property
    def carts(self) -> Mapping[str, Cart]:
        """Carts by id."""

    @property
    def closed_at_ms(self) -> int:
        """When the latest order that named no cart bought them all; 0 for never."""

    @property
    def owned(self) -> Mapping[str, int]:
        """When each SKU the customer keeps was bought."""

    @property
    def fired(self) -> Sequence[Fired]:
        """Triggers that went out lately, oldest first."""


class Config(Struct, frozen=True):
    """Parameters of a kind. A field `<x>_ms` is the duration `<x>` of the rules file."""


class Kind:
    """One rule of one kind. Subclasses answer the hooks they need and name the event types they want to see."""

    config_type: ClassVar[type[Config]]
    events: ClassVar[frozenset[str]]

    def __init__(self, rule: str, config: Config) -> None:
        """Bind the kind to the name of its rule and its parameters."""
        self.rule = rule

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Answer an event; `customer` is as it is after the event."""
        return ()

    def on_time(self, timer: Timer, customer: CustomerView) -> Proposal | Drop:
        """Answer a timer that has come due. A kind without timers meets one when a rule's kind was changed."""
        return Drop(timer.subject, timer.generation, timer.due_at_ms, timer.caused_by, DropReason.RULE_REMOVED)

    def on_merge(self, timer: Timer, customer: CustomerView) -> DropReason | None:
        """Say why a timer has nothing to wait for, now that another customer's state has joined; None if it has."""
        return None

    def on_complements(self, answer: Complements, customer: CustomerView) -> Proposal | Drop | None:
        """Answer what a product said goes well with it."""
        return None
