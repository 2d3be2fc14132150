"""`python -m tests.bench.checkout_fault`: whether abandoned carts show a fault of the checkout, week by week.

The shop is made up (Retentioneering); its authors built in that from 9 April to 9 May 2024 the checkout fails on
mobile phones, and from 19 May to 7 June the payment fails everywhere. Abandoned are the carts that the rule
`abandoned_cart` fires for. Prints the tables of tests/bench/README.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from math import erfc, sqrt
from typing import Final, NamedTuple

from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS, epoch_ms
from pipeline.domain.triggers import RULES
from pipeline.settings import Settings
from pipeline.simulation import Simulation
from tests.harness.data_sets import events_of


def _day_ms(month: int, day: int) -> int:
    return epoch_ms(datetime(2024, month, day, tzinfo=UTC))


CHECKOUT_FAULT: Final = (_day_ms(4, 9), _day_ms(5, 10))
PAYMENT_FAULT: Final = (_day_ms(5, 19), _day_ms(6, 8))
WEEK_MS: Final = 7 * DAY_MS
WEEKS_BEGIN_MS: Final = _day_ms(1, 2)
"""A Tuesday, like 9 April: the fault begins with a week."""


class Cart(NamedTuple):
    """A cart. `begun_ms`: when something was first put into it; `checkout`: whether it came that far."""

    begun_ms: int
    mobile: bool
    checkout: bool
    abandoned: bool

    def within(self, fault: tuple[int, int]) -> bool:
        """Whether it was begun while something was broken."""
        return fault[0] <= self.begun_ms < fault[1]


class Share(NamedTuple):
    """How many carts were abandoned, of how many."""

    abandoned: int
    carts: int

    @property
    def rate(self) -> float:
        """The share."""
        return self.abandoned / self.carts

    def __str__(self) -> str:
        """As a cell of a table."""
        return f"{self.abandoned} of {self.carts} ({self.rate:.0%})" if self.carts else "–"


def carts() -> list[Cart]:
    """Play the sessions; return the carts."""
    events = events_of("retentioneering")
    rule = Rule("abandoned", "abandoned_cart", RULES["abandoned_cart"].config_type())
    simulation = Simulation(Settings(), Rules("bench", (rule,)), IdentityConfig())
    simulation.play(map(simulation.read, events), until_ms=events[-1].occurred_at_ms + DAY_MS)
    changes: dict[object, int] = defaultdict(int)
    for trigger in simulation.triggers():  # a revoke takes its trigger back
        changes[trigger.context["cart_id"]] += 1 if trigger.status == "fired" else -1
    begun: dict[str, int] = {}
    mobile: set[str] = set()
    checkouts: set[str] = set()
    for event in events:
        if event.cart_id is None:
            continue
        if event.event_type == "product_added":
            begun.setdefault(event.cart_id, event.occurred_at_ms)
        elif event.event_type == "checkout_step_viewed":
            checkouts.add(event.cart_id)
        if event.context is not None and event.context.device == "mobile":
            mobile.add(event.cart_id)
    return [
        Cart(begun_ms, cart_id in mobile, cart_id in checkouts, changes[cart_id] > 0)
        for cart_id, begun_ms in begun.items()
    ]


def share(some: Iterable[Cart]) -> Share:
    """Count the abandoned ones."""
    found = list(some)
    return Share(sum(cart.abandoned for cart in found), len(found))


GROUPS: Final[dict[str, Callable[[Cart], bool]]] = {
    "mobile, at the checkout": lambda cart: cart.mobile and cart.checkout,
    "others, at the checkout": lambda cart: not cart.mobile and cart.checkout,
    "mobile, all": lambda cart: cart.mobile,
    "all": lambda cart: True,
}
"""Carts that came as far as the checkout can meet its fault; those of all devices and sessions hide it."""


def in_fault_and_without(some: list[Cart], group: str) -> tuple[Share, Share]:
    """Return the share of a group while the checkout failed, and while nothing did."""
    chosen = [cart for cart in some if GROUPS[group](cart)]
    failing = share(cart for cart in chosen if cart.within(CHECKOUT_FAULT))
    return failing, share(cart for cart in chosen if not cart.within(CHECKOUT_FAULT) and not cart.within(PAYMENT_FAULT))


def probability_of_chance(one: Share, other: Share) -> float:
    """Return the two-sided p of a two-proportion z-test: how often chance alone makes a difference as large."""
    pooled = (one.abandoned + other.abandoned) / (one.carts + other.carts)
    error = sqrt(pooled * (1 - pooled) * (1 / one.carts + 1 / other.carts))
    return erfc(abs(one.rate - other.rate) / error / sqrt(2))


def weeks(some: list[Cart]) -> Iterator[tuple[int, Share, Share]]:
    """Yield the beginning of each week, and its shares at the checkout: on mobile phones, on other devices."""
    by_week: dict[int, list[Cart]] = defaultdict(list)
    for cart in some:
        if cart.checkout:
            by_week[(cart.begun_ms - WEEKS_BEGIN_MS) // WEEK_MS].append(cart)
    for week, found in sorted(by_week.items()):
        mobile, other = (share(cart for cart in found if cart.mobile == wanted) for wanted in (True, False))
        yield WEEKS_BEGIN_MS + week * WEEK_MS, mobile, other


def broken(begin_ms: int) -> list[str]:
    """Return what failed in a week."""
    faults = (("checkout, mobile", CHECKOUT_FAULT), ("payment", PAYMENT_FAULT))
    return [name for name, fault in faults if fault[0] < begin_ms + WEEK_MS and begin_ms < fault[1]]


def table() -> Iterator[str]:
    """Yield the tables, line by line."""
    found = carts()
    yield "| carts | while the checkout fails on mobile phones | while nothing fails | p |"
    yield "| --- | --- | --- | --- |"
    for group in GROUPS:
        failing, sound = in_fault_and_without(found, group)
        yield f"| {group} | {failing} | {sound} | {probability_of_chance(failing, sound):.4f} |"
    yield ""
    yield "| week from | mobile, at the checkout | others, at the checkout | fails |"
    yield "| --- | --- | --- | --- |"
    for begin_ms, on_mobile, on_others in weeks(found):
        day = datetime.fromtimestamp(begin_ms / 1000, UTC)
        yield f"| {day:%Y-%m-%d} | {on_mobile} | {on_others} | {', '.join(broken(begin_ms))} |"


if __name__ == "__main__":
    for line in table():
        print(line)
