"""Conditions on products: viewed, wished for, owned, ordered, in a cart, and what was spent on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from pipeline.domain.conditions.word import (
    Ago,
    Lately,
    Numbers,
    Word,
    between,
    check_bounds,
    lately,
    lately_ends,
    money_bounds_text,
    within_text,
)
from pipeline.domain.customer.carts import worth
from pipeline.domain.money import Currency
from pipeline.domain.triggers.view import CustomerView


class Viewed(Lately, frozen=True):
    """The customer looked at this product (its SKU), within this time (as far as remembered, if not said)."""

    EXAMPLE: ClassVar[str] = "{viewed: A-1, within: 7d}"

    viewed: str

    @property
    def text(self) -> str:
        """What, how lately."""
        return f"looked at {self.viewed}{within_text(self.within_ms)}"

    def last_ms(self, customer: CustomerView) -> int | None:
        """Return when it was last."""
        interests = customer.facets.interests
        found = None if interests is None else interests.views.get(self.viewed)
        return None if found is None else found.last_at_ms


class InterestedIn(Word, frozen=True):
    """The customer looked at or bought products of this category, so many times, the last within this time."""

    EXAMPLE: ClassVar[str] = "{interested_in: shoes, at_least: 3, within: 30d}"

    interested_in: str
    at_least: Annotated[int, Meta(ge=1)] = 1
    within_ms: int | None = None

    @property
    def text(self) -> str:
        """In what, how often, how lately."""
        times = f" at least {self.at_least} times" if self.at_least > 1 else ""
        last = f", the last{within_text(self.within_ms)}" if self.within_ms else ""
        return f"looked at or bought {self.interested_in}{times}{last}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was that often, and that lately."""
        times, last_ms = self._known(customer)
        return times >= self.at_least and lately(last_ms, self.within_ms, at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will be too long ago."""
        return lately_ends(self._known(customer)[1], self.within_ms)

    def _known(self, customer: CustomerView) -> tuple[int, int | None]:
        interests = customer.facets.interests
        return (0, None) if interests is None else interests.categories.get(self.interested_in, (0, None))


class Wishes(Word, frozen=True):
    """This product (its SKU) is on the customer's wish list."""

    EXAMPLE: ClassVar[str] = "{wishes: A-1}"

    wishes: str

    @property
    def text(self) -> str:
        """What."""
        return f"wishes for {self.wishes}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        interests = customer.facets.interests
        found = None if interests is None else interests.wishes.get(self.wishes)
        return found is not None and found.wished


class Owns(Lately, frozen=True):
    """The customer bought this product (its SKU) and kept it, within this time (as far as remembered, if not said)."""

    EXAMPLE: ClassVar[str] = "{owns: A-1}"

    owns: str

    @property
    def text(self) -> str:
        """What, how lately."""
        return f"bought {self.owns}{within_text(self.within_ms)}"

    def last_ms(self, customer: CustomerView) -> int | None:
        """Return when it was bought last."""
        return customer.owned.get(self.owns)


class Size(Word, frozen=True):
    """The customer's size in a category, by what was bought, tried on, searched and viewed, is this."""

    EXAMPLE: ClassVar[str] = '{size: "38", in_category: shoes}'

    size: str
    in_category: str

    @property
    def text(self) -> str:
        """Which, in what."""
        return f"size {self.size} in {self.in_category}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is."""
        interests = customer.facets.interests
        return interests is not None and interests.size(self.in_category) == self.size


class Orders(Word, frozen=True):
    """So many orders were completed, ever. Within a time: `did: order_completed`."""

    EXAMPLE: ClassVar[str] = "{orders: {at_least: 2}}"

    orders: Numbers

    @property
    def text(self) -> str:
        """How many."""
        return f"{self.orders.text} orders"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it is that many."""
        return self.orders.hold(customer.orders_counted)


class LastOrder(Word, frozen=True):
    """The last order was this long ago; who never ordered is not meant."""

    EXAMPLE: ClassVar[str] = "{last_order: {more_than: 90d}}"

    last_order: Ago

    @property
    def text(self) -> str:
        """How long ago."""
        return f"last order {self.last_order.text}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was so long ago."""
        return self.last_order.hold(_last_order_ms(customer), at_ms)

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when it will have been so long ago."""
        return self.last_order.moments(_last_order_ms(customer))


class Spent(Word, frozen=True):
    """So much was spent in this currency, ever, less what was given back."""

    EXAMPLE: ClassVar[str] = "{spent: EUR, at_least: 499.50}"

    spent: Currency
    at_least_minor: int | None = None
    at_most_minor: int | None = None

    def __post_init__(self) -> None:
        check_bounds(self.at_least_minor, self.at_most_minor)

    @property
    def text(self) -> str:
        """How much."""
        return f"spent {money_bounds_text(self.at_least_minor, self.at_most_minor, self.spent)}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether it was that much."""
        return between(customer.spend_minor.get(self.spent, 0), self.at_least_minor, self.at_most_minor)


class CartWorth(Word, frozen=True):
    """There is an open cart worth so much in this currency."""

    EXAMPLE: ClassVar[str] = "{cart_worth: EUR, at_least: 50}"

    cart_worth: Currency
    at_least_minor: int | None = None
    at_most_minor: int | None = None

    def __post_init__(self) -> None:
        check_bounds(self.at_least_minor, self.at_most_minor)

    @property
    def text(self) -> str:
        """How much."""
        return f"has a cart worth {money_bounds_text(self.at_least_minor, self.at_most_minor, self.cart_worth)}"

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether there is one."""
        amounts = (worth(cart).get(self.cart_worth) for cart in customer.carts.values() if cart.is_open)
        return any(
            amount is not None and between(amount, self.at_least_minor, self.at_most_minor) for amount in amounts
        )


def _last_order_ms(customer: CustomerView) -> int | None:
    purchases = customer.facets.purchases
    return None if purchases is None else purchases.last_at_ms
