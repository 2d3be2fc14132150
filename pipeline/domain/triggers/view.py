"""What a rule, and a condition, may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.heard import Heard
from pipeline.domain.customer.orders import Order
from pipeline.domain.facets import Facets
from pipeline.domain.identity.graph import Link, Seen
from pipeline.domain.triggers.steps import Fired, Held, Proposal


class CustomerView(Protocol):
    """What a rule may look at."""

    @property
    def tenant(self) -> str:
        """Whose customer it is."""

    @property
    def customer_id(self) -> str:
        """Who it is."""

    @property
    def identifiers(self) -> Mapping[str, Mapping[str, Link]]:
        """Identifiers by kind and value."""

    @property
    def channels(self) -> Mapping[str, Seen]:
        """Channels the customer was seen in."""

    @property
    def first_seen_at_ms(self) -> int | None:
        """When the customer was seen first."""

    @property
    def last_seen_at_ms(self) -> int | None:
        """When the customer was seen last."""

    @property
    def carts(self) -> Mapping[str, Cart]:
        """Carts by id."""

    @property
    def closed_at_ms(self) -> int:
        """When the latest order that named no cart bought them all; 0 for never."""

    @property
    def orders(self) -> Mapping[str, Order]:
        """The latest orders by id."""

    @property
    def orders_counted(self) -> int:
        """How many orders were completed, ever."""

    @property
    def spend_minor(self) -> Mapping[str, int]:
        """What was spent, by currency, in minor units."""

    @property
    def owned(self) -> Mapping[str, int]:
        """When each SKU the customer keeps was bought."""

    @property
    def fired(self) -> Sequence[Fired]:
        """Triggers that went out lately, oldest first."""

    @property
    def held(self) -> Sequence[Held]:
        """Messages that wait for a better time."""

    @property
    def facets(self) -> Facets:
        """Everything else that is known."""

    @property
    def facets_before(self) -> Facets:
        """The same as it was before the present event."""

    @property
    def heard(self) -> Heard:
        """What products have told: which are not to be had, and what goes with those bought."""

    def mark(self, rule: str, subject: str) -> int | None:
        """Return what a rule marked (see `Mark`)."""

    def waits_until(self, rule: str, subject: str) -> int | None:
        """Return the time the rule waits for about this subject; None if it does not."""

    def waiting(self, rule: str) -> int:
        """Return how many subjects the rule waits for a time about."""

    def held_about(self, rule: str, subject: str) -> Proposal | None:
        """Return the rule's message about this subject that waits for a better time."""


class Condition(Protocol):
    """Something that holds of a customer at a time, or does not."""

    @property
    def text(self) -> str:
        """Itself in words, as the rest of a sentence: "only if …"."""

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it holds at `at_ms`."""

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        """Return the earliest later time at which time alone may change that; None: only an event may.

        `now` is whether it holds at `at_ms`, which the caller knows.
        """
