"""What consumers read: triggers, decisions, customers, audiences, products, dead letters … (`schemas/*.avsc`).

Every field is a function of the log and the state alone, so a record sent again is the same bytes. What the wall
clock adds (when it really left) travels in headers.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from pipeline.domain.events import Item, Scalar

TriggerStatus = Literal["fired", "revoked"]
Outcome = Literal["fired", "held", "deferred", "dropped", "held_out", "revoked"]


class Offer(Struct, frozen=True):
    """What the message may offer: a code, percent off, valid until (ms since the epoch)."""

    code: str
    percent: int | None
    valid_until_ms: int | None


class Trigger(Struct, frozen=True):
    """Send this message to this customer, now. `trigger_id` is deterministic: told twice, it is one message.

    `due_at_ms` is when the rule's condition came true on the partition's clock, `fired_at_ms` the logical time of
    firing (equal unless it was held), `reason` a sentence for people.
    """

    trigger_id: str
    status: TriggerStatus
    rule: str
    kind: str
    rules_version: str
    tenant: str
    customer_id: str
    channel: str | None
    address: str | None
    caused_by: str
    due_at_ms: int
    fired_at_ms: int
    expires_at_ms: int | None
    items: tuple[Item, ...]
    offer: Offer | None
    context: dict[str, Scalar]
    content_variant: str | None
    reason: str


class Decision(Struct, frozen=True):
    """What became of one proposal, and why. `reason` is from a closed list (`domain/reasons.py`)."""

    decision_id: str
    tenant: str
    customer_id: str
    rule: str
    outcome: Outcome
    reason: str
    trigger_id: str | None
    decided_at_ms: int
    rules_version: str
    caused_by: str


class IdentityChange(Struct, frozen=True):
    """The identity graph changed, or refused to, because of the identifier (`kind`, `value`) on event `caused_by`.

    `customer_id` is whom it concerns: the one created, the new owner, the winner of a merge, the one refused.
    `other_customer_id` is the one it had to do with: the former owner, the loser of a merge, the owner who kept it.
    `parts` (merged, unmerged) are the customers of old that now belong to `customer_id`, or again to the other, and
    how often each of them has changed hands: of two records about a part the one with the greater number holds.
    `reason` is from a closed list (`domain/reasons.py`).
    """

    change_id: str
    tenant: str
    change: Literal["created", "attached", "moved", "merged", "unmerged", "refused", "blocked"]
    customer_id: str
    kind: str
    value: str
    reason: str
    caused_by: str
    occurred_at_ms: int
    other_customer_id: str = ""
    merge_id: str = ""
    parts: dict[str, int] = {}


class OpenCart(Struct, frozen=True):
    """A cart with something in it, not bought. `amount_minor` where it was told without lines."""

    cart_id: str
    changed_at_ms: int
    items: tuple[Item, ...]
    amount_minor: int | None
    currency: str | None


class Customer(Struct, frozen=True):
    """A customer as of `updated_at_ms` on the partition's clock; of two records the one with the later time holds.

    `merged_into` is the customer it has become part of: then nothing else is told. `details` is all that is known, as
    the JSON text of `omni customer`; None if that is too large (see `domain/customer/record.py`).
    """

    tenant: str
    customer_id: str
    updated_at_ms: int
    merged_into: str | None = None
    identifiers: dict[str, tuple[str, ...]] = {}
    traits: dict[str, Scalar] = {}
    consent: dict[str, bool] = {}
    journey_stage: str | None = None
    first_seen_at_ms: int | None = None
    last_seen_at_ms: int | None = None
    orders: int = 0
    spend_minor: dict[str, int] = {}
    tier: str | None = None
    points: int | None = None
    open_carts: tuple[OpenCart, ...] = ()
    preferred_sizes: dict[str, str] = {}
    favourite_store: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    country: str | None = None
    city: str | None = None
    device: str | None = None
    details: str | None = None


class Shown(Struct, frozen=True):
    """A product to advertise, in the customer's size where that is known."""

    sku: str
    size: str | None = None


class AudienceMember(Struct, frozen=True):
    """Since `since_ms` the customer belongs to the audience (`member`), or no longer does.

    `reason` is an `AudienceReason` (`domain/customer/audiences.py`). `addresses` has the SHA-256 (64 hexadecimal
    digits) of the customer's e-mail addresses and phone numbers, by kind (see `domain/customer/ad_addresses.py`).
    `items` are the products to show a member, the newest first. `as_of_ms` is when all this came to be so.
    """

    audience: str
    tenant: str
    customer_id: str
    member: bool
    since_ms: int
    reason: str
    addresses: dict[str, tuple[str, ...]]
    items: tuple[Shown, ...] = ()
    as_of_ms: int | None = None


class DemandCounts(Struct, frozen=True):
    """How much a product is wanted, each event worth less the older it is (see `domain/product/demand.py`).

    `views`, `carts`, `sales` (orders) and `wishes` halve every 14 days, `recent` (all four together) every day.
    """

    views: float = 0.0
    carts: float = 0.0
    sales: float = 0.0
    wishes: float = 0.0
    recent: float = 0.0


class GoesWith(Struct, frozen=True):
    """A product bought together with another: in how many `baskets`, and their share of the other's baskets.

    `support` and `lift` as `Complement` has them.
    """

    sku: str
    baskets: int
    confidence: float
    support: float | None = None
    lift: float | None = None


class CatalogView(Struct, frozen=True):
    """A product as of `updated_at_ms` on the partition's clock; of two records the one with the later time holds.

    `rating` is the mean of `ratings` reviews, in stars. `stock` has pieces by store ("" is the warehouse) and size (""
    has none), without what is sold out; `deleted` is what the catalogue sells no longer, `backorder` what it sells
    whatever the stock says. Counts are as of `updated_at_ms`, `demand` those of all channels and stores.
    """

    tenant: str
    sku: str
    updated_at_ms: int
    name: str = ""
    category: str = ""
    deleted: bool = False
    unit_price_minor: int | None = None
    currency: str | None = None
    stock: dict[str, dict[str, int]] = {}
    complements: tuple[GoesWith, ...] = ()
    substitutes: tuple[str, ...] = ()
    ratings: int = 0
    rating: float | None = None
    demand: DemandCounts = DemandCounts()
    channels: dict[str, DemandCounts] = {}
    stores: dict[str, DemandCounts] = {}
    backorder: bool = False


class DeadLetter(Struct, frozen=True):
    """A record that was refused: its bytes as they came, where they stand, and why.

    `reason` is an `InvalidReason` (`domain/errors.py`), `detail` a sentence naming field and value. `appended_at_ms`
    is when the broker took it. `tenant` is None: a refused record is not trusted to say whose it is.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    appended_at_ms: int
    key: bytes | None
    value: bytes | None
    tenant: str | None = None

    @property
    def dead_letter_id(self) -> str:
        """Return `topic/partition/offset` of the original: the key of the dead letter, and its name for people."""
        return f"{self.topic}/{self.partition}/{self.offset}"
