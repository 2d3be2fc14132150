"""What rules answer with, and what is kept of it: steps, timers, proposals, messages sent."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import ChannelEvent, Item, Scalar
from pipeline.domain.reasons import DropReason

KEPT_UNTIL = "kept_until"
"""Where the context of a proposal says until when a piece is kept for the customer; it moves on while that waits."""


class Timer(Struct, frozen=True, array_like=True, gc=False):
    """A rule waits for `due_at_ms` about `subject` (a cart id) since `since_ms`; see `WakeAt`.

    `rules_number` is the version of the rules that armed it, and judges it (see `RuleBook`); 0: not known. It waits for
    the `part` of a merged customer, with which it goes when the merge is undone; "" is the customer's own.
    """

    rule: str
    subject: str
    due_at_ms: int
    since_ms: int
    caused_by: str
    by_event: bool = False
    note: str = ""
    rules_number: int = 0
    part: str = ""

    @property
    def generation(self) -> str:
        """What tells this waiting from every other about its subject, and so makes the ids of what comes of it.

        Its time does, where each waiting is later than all before; else the event, for no two have the same id.
        """
        return f"{self.since_ms}/{self.caused_by}" if self.by_event else str(self.since_ms)


class Aside(Struct, frozen=True, array_like=True, gc=False):
    """A timer of one part of a merged customer that the part `by` has ended or replaced (see `aside.py`)."""

    timer: Timer
    by: str


class Fired(Struct, frozen=True, array_like=True, gc=False):
    """A trigger that went out, remembered as long as a late purchase may overtake it.

    `about` is what that purchase would be of: a cart id or a SKU. `since_ms` is the earliest time of such a purchase,
    `due_at_ms` the latest: when the trigger went out by the logical clock. `proposed_at_ms` is when it was due, if
    that was earlier because it was held; else 0. `part`: see `Timer`; it may be one that has been parted since. `skus`
    are those it named, of kinds that want it (`Kind.remembers_items`) and if one order can have them all.
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
    proposed_at_ms: int = 0
    part: str = ""
    skus: tuple[str, ...] = ()

    def is_all_in(self, order: Order) -> bool:
        """Whether an order has all that it named."""
        return bool(self.skus) and set(self.skus).issubset(order.skus)


class Change(Struct, frozen=True, gc=False):
    """What one event changed in its customer.

    `touched` is the open cart changed strictly later than ever before, or else `reopened`: nothing was in it. It lies
    untouched since `touched_at_ms`. `emptied` is the cart this event emptied; `closed` the carts it bought; `carted`
    the SKUs it put into a cart; `order` an order not told before. `at_ms` is the event's own time.
    """

    event: ChannelEvent
    at_ms: int
    touched: str | None = None
    touched_at_ms: int = 0
    reopened: bool = False
    emptied: str | None = None
    closed: tuple[str, ...] = ()
    carted: tuple[str, ...] = ()
    order: Order | None = None

    @property
    def ordered(self) -> tuple[str, ...] | None:
        """The SKUs of an order not told before."""
        return None if self.order is None else self.order.skus


class WakeAt(Struct, frozen=True, gc=False):
    """Wake the rule at `due_at_ms` about `subject`; replaces what it was waiting for about that subject.

    `since_ms` is the earliest time of a purchase that overtakes what comes of it. It must be later than that of any
    waiting before, or `by_event` be set. `note` comes back with the timer: what the rule wants to remember of it.
    """

    subject: str
    due_at_ms: int
    since_ms: int
    by_event: bool = False
    note: str = ""


class Cancel(Struct, frozen=True, gc=False):
    """Wait no longer about `subject` (None: about any): what would have come, or is held, is dropped for `reason`."""

    subject: str | None
    reason: DropReason


class Ask(Struct, frozen=True, gc=False):
    """Ask the product what goes well with it; the answer comes to `on_complements`."""

    sku: str


class Mark(Struct, frozen=True, gc=False):
    """Remember `at_ms` under `subject` for this rule, or forget it (None): membership of a segment, a step reached."""

    subject: str
    at_ms: int | None


class Revoke(Struct, frozen=True, gc=False):
    """A purchase overtook this trigger: take it back. `reason` is a sentence for people (see `Kind.taken_back`)."""

    fired: Fired
    reason: str


class OfferPolicy(Struct, frozen=True, array_like=True):
    """What a message may offer: the code starts with `code_prefix`; `valid_for_ms` from firing, None for ever."""

    code_prefix: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9-]{0,16}$",
            description="what the code begins with, like BACK; the rest is made for each customer",
            extra={"remedy": "Use up to 16 letters, digits and -."},
        ),
    ]
    percent: Annotated[int, Meta(ge=1, le=100)] | None = None
    valid_for_ms: int | None = None


class Proposal(Struct, frozen=True, array_like=True, gc=False):
    """Propose a trigger. Subject and generation make its id; `about` and `since_ms` see `Fired`.

    `offer` stands instead of the rule's, where the rule has several messages. `told_as`: under this subject the rule
    is to remember (see `Mark`) when it went out, or would have but for a holdout; what waits or is dropped was not
    told. `part`: see `Timer`. From `until_ms` on it is too late, whatever the rule
    says: the appointment has begun; 0: there is no such time.
    """

    subject: str
    generation: str
    due_at_ms: int
    about: str
    since_ms: int
    caused_by: str
    items: tuple[Item, ...]
    context: dict[str, Scalar]
    reason: str
    offer: OfferPolicy | None = None
    told_as: str = ""
    part: str = ""
    until_ms: int = 0

    @property
    def is_of_a_product(self) -> bool:
        """Whether it is word of a product, which somebody may wait for no longer."""
        return bool(self.told_as and self.about)

    @property
    def keeps_a_piece(self) -> bool:
        """Whether it offers a piece that the product keeps for the customer."""
        return KEPT_UNTIL in self.context


class Held(Struct, frozen=True, array_like=True, gc=False):
    """A proposal that waits for a better time: it meets the arbiter again at `release_at_ms`.

    `rules_number` is the version of the rules that held it, and judges it; 0: not known. With `for_claims` it waits to
    hear whose the identifiers of events are, `release_at_ms` at the longest, and is then decided as of its own time.
    """

    rule: str
    release_at_ms: int
    proposal: Proposal
    rules_number: int = 0
    for_claims: bool = False


class Sent(Struct, frozen=True, array_like=True, gc=False):
    """A message that went out, for the caps: when, by which rule of which class, in which channel ("": none).

    Or would have gone out, but for a holdout: then `held_out` says of which. `cause` is the CRC-32 of the id of the
    event it answered: it tells messages of one instant apart when the logs of two customers are united.
    """

    at_ms: int
    rule: str
    rule_class: str
    channel: str
    held_out: str = ""
    cause: int = 0


class Drop(Struct, frozen=True, gc=False):
    """A proposal that a rule itself takes back, with what makes its id."""

    subject: str
    generation: str
    due_at_ms: int
    caused_by: str
    reason: DropReason


Step: TypeAlias = WakeAt | Cancel | Ask | Mark | Revoke | Proposal | Drop
