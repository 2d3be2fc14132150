"""What we know of one customer: the state that is stored."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.heard import NOTHING as NOTHING_HEARD
from pipeline.domain.customer.heard import Heard
from pipeline.domain.customer.orders import Order
from pipeline.domain.customer.recent import Generation
from pipeline.domain.customer.waiting import Waiting
from pipeline.domain.facets import NO_FACETS, Facets
from pipeline.domain.identity.graph import Graph, Link, Seen
from pipeline.domain.messages.to_customer import Arrived, ProductNews
from pipeline.domain.messages.waves import NOTHING, Hearing
from pipeline.domain.time import DAY_MS
from pipeline.domain.triggers.steps import Aside, Fired, Held, Sent, Timer

CARTS_KEPT = 20
"""Carts per customer, bought ones included (they tell a late change from a new cart). See `Draft.put_cart`."""

CHANNELS_KEPT = 24
"""Channels seen per customer: the fifteen known ones and room for a shop's own. A new one beyond is not listed."""

CURRENCIES_KEPT = 8
"""Currencies spent in. Money already counted is never dropped, so it is a ninth currency that is not added up."""

OWNED_KEPT = 200
"""SKUs known to be owned. The one bought longest ago goes first."""

TIMERS_KEPT = 64
"""Timers pending per customer: every kept cart under three rules. A timer beyond is not armed, which is recorded."""

COOLDOWNS_KEPT = 64
"""Rules whose last firing is remembered. The one that fired longest ago goes first."""

FIRED_KEPT = 16
"""Triggers a late purchase may still take back. The oldest goes first."""

FIRED_KEPT_MS = 7 * DAY_MS
"""How long before a newer trigger one is remembered: a purchase is seldom told a week late (see `BEHIND_MS`)."""

HELD_KEPT = 32
"""Proposals waiting for a better time: a night's worth of every rule. One beyond is dropped, which is recorded."""

SENT_KEPT = 64
"""Messages remembered for the caps. The oldest that no cap needs goes first (see `caps.remember`); a cap of more than
60 is refused by the rules file."""

MARKS_KEPT = 128
"""What rules remember of a customer (see `Mark`). The earliest of the rule with most goes first: one that remembers
every order must not make another forget that it has told its only message."""


class FeedTimes(Struct, frozen=True, array_like=True, gc=False):
    """What those who follow this customer wait for (see `feeds.py`); times in ms, 0 for none.

    `tell_at_ms`: when its next record is due; `told_at_ms`: when the last was. `judge_at_ms`: when time alone may
    change an audience; `judged_at_ms`: as of when they were looked at. `cause` is the event it all goes back to.
    `shown`: by audience the CRC-32 of the products last told, where there are any.
    """

    tell_at_ms: int = 0
    told_at_ms: int = 0
    judge_at_ms: int = 0
    judged_at_ms: int = 0
    cause: str = ""
    shown: dict[str, int] = {}


NEVER_TOLD = FeedTimes()


class CustomerState(Struct, frozen=True, array_like=True, gc=False):
    """One customer, as stored. Never changed in place: see `Draft`.

    Every collection is bounded by the constant named like it. `closed_at_ms` is the latest order that named no cart
    and so closed them all. `orders_counted` counts orders completed, ever. `early` holds events and news of
    products whose time the clock has not reached, by time (event clock only, at most `WAITING_KEPT`). `generation` is
    that of `recent`.
    `hears` is what the rules wanted to hear when products were last told what the customer wants.
    """

    tenant: str
    customer_id: str
    founder: str = ""
    identifiers: dict[str, dict[str, Link]] = {}
    channels: dict[str, Seen] = {}
    events: int = 0
    first_seen_at_ms: int | None = None
    last_seen_at_ms: int | None = None
    last_received_at_ms: int | None = None
    carts: dict[str, Cart] = {}
    closed_at_ms: int = 0
    orders: dict[str, Order] = {}
    orders_counted: int = 0
    spend_minor: dict[str, int] = {}
    owned: dict[str, int] = {}
    timers: tuple[Timer, ...] = ()
    cooldowns: dict[str, int] = {}
    fired: tuple[Fired, ...] = ()
    recent: bytes = b""
    early: Waiting[Arrived | ProductNews] = ()
    graph: Graph | None = None
    facets: Facets = NO_FACETS
    held: tuple[Held, ...] = ()
    sent: tuple[Sent, ...] = ()
    marks: dict[str, int] = {}
    generation: Generation = Generation()
    feed: FeedTimes = NEVER_TOLD
    hears: Hearing = NOTHING
    heard: Heard = NOTHING_HEARD
    aside: tuple[Aside, ...] = ()

    @property
    def is_pointer(self) -> bool:
        """Whether this customer has become part of another, and only says of which."""
        return self.graph is not None and bool(self.graph.merged_into)


def arrival_order(message: Arrived | ProductNews) -> tuple[int, bool, str, str, int]:
    """By time, events before news of products; ties by content, so that the order of arrival does not matter."""
    if isinstance(message, ProductNews):
        return message.occurred_at_ms, True, message.sku, message.event_id, 0
    return message.event.occurred_at_ms, False, message.event.event_id, "", message.digest


def waits_until_ms(message: Arrived | ProductNews) -> int:
    """Return the time of a message that waits for the event clock."""
    return arrival_order(message)[0]
