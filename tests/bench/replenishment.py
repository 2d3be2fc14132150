"""`python -m tests.bench.replenishment`: whether rhythms foretell the next purchase better than one interval for all.

The baskets of The Complete Journey in the order of time, by category and by product. After each purchase the next is
foretold as the rule `replenishment` does: by the customer's own rhythm, else by the product's, else not at all. What is
bought again in the last quarter of the year is compared; what went before is there to learn from. So is the interval,
from the half year before and for the very purchases that a kind of rhythm is for: the one with the smallest median
error, and the one within three days most often. Prints the table of tests/bench/README.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final, NamedTuple

from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.facets.purchases import GAPS_TO_KNOW, Purchases
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.to_customer import Complements
from pipeline.domain.messages.to_product import AskComplements, BoughtTogether
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState
from pipeline.domain.time import DAY_MS, epoch_ms
from pipeline.domain.triggers.replenishment import Config
from tests.harness.data_sets import events_of

LEARNT_FROM_MS: Final = epoch_ms(datetime(2017, 4, 1, tzinfo=UTC))
"""Predictions before are of rhythms hardly begun: the interval need not make up for them."""
COMPARED_FROM_MS: Final = epoch_ms(datetime(2017, 10, 1, tzinfo=UTC))
NEAR_DAYS: Final = 3
INTERVALS: Final = range(1, 61)

OWN, OWN_EARLY, OF_PRODUCT = "own, 5 gaps or more", "own, fewer gaps", "the product's"
ALL: Final = "all"
LEVELS: Final[dict[str, Callable[[Item], str | None]]] = {
    "category": lambda item: item.attributes.get("category"),
    "product": lambda item: item.sku,
}


class Foretold(NamedTuple):
    """One prediction and what became of it: days until the product was bought again, foretold and in truth."""

    rhythm: str
    bought_ms: int
    foretold: float
    truth: int


class Errors(NamedTuple):
    """In days, of some predictions: the median, the mean, and the share of those within `NEAR_DAYS`."""

    median: float
    mean: float
    near: float

    def __str__(self) -> str:
        """As cells of a table."""
        return f"{self.median:.1f} | {self.mean:.1f} | {self.near:.1%}"


class Row(NamedTuple):
    """One comparison. `closest` and `nearest`: the intervals, days, best by the median and by the share."""

    level: str
    rhythm: str
    number: int
    of_rhythm: Errors
    closest: int
    of_closest: Errors
    nearest: int
    of_nearest: Errors
    better: float
    """Of the purchases for which one is closer, the share for which it is the rhythm, and not `closest`."""

    def __str__(self) -> str:
        """As a row of the table."""
        return (
            f"| {self.level} | {self.rhythm} | {self.number:,} | {self.of_rhythm} | {self.closest} | {self.of_closest} "
            f"| {self.nearest} | {self.of_nearest} | {self.better:.0%} |"
        )


HEAD: Final = (
    "| by | rhythm | bought again | median | mean | near | interval | median | mean | near | interval | median | mean "
    "| near | rhythm closer |",
    "| --- " * 15 + "|",
)


def foretold(level: str) -> Iterator[Foretold]:
    """Play the baskets; yield each prediction once the product is bought again, on a later day."""
    sku_of = LEVELS[level]
    purchases: dict[str, Purchases] = defaultdict(Purchases)
    products: dict[str, ProductState | None] = defaultdict(lambda: None)
    open_ones: dict[tuple[str, str], tuple[int, str, float]] = {}
    actor = ProductActor()
    for event in events_of("complete_journey"):
        customer, at_ms = event.identifiers["account"], event.occurred_at_ms
        skus = sorted({sku for item in event.items if item.quantity and (sku := sku_of(item)) is not None})
        before = purchases[customer]
        after = purchases[customer] = before.learn(_basket(event, skus), at_ms)
        for sku in skus:
            known = open_ones.pop((customer, sku), None)
            if known is not None:
                day, rhythm, days = known
                truth = at_ms // DAY_MS - day
                if truth == 0:
                    open_ones[customer, sku] = known
                    continue
                yield Foretold(rhythm, at_ms, days, truth)
            together = BoughtTogether("default", sku, (), at_ms, before.gap_days(sku, at_ms))
            products[sku], _ = actor.handle(products[sku], together, at_ms)
            found = _rhythm(after, sku, products[sku], actor, at_ms)
            if found is not None:
                open_ones[customer, sku] = (at_ms // DAY_MS, *found)


def _basket(event: ChannelEvent, skus: Sequence[str]) -> ChannelEvent:
    return replace(event, items=tuple(Item(sku) for sku in skus))


def _rhythm(
    purchases: Purchases, sku: str, product: ProductState | None, actor: ProductActor, at_ms: int
) -> tuple[str, float] | None:
    """Return whose rhythm the rule goes by, and its days; None where it does not wait."""
    whose, days = OF_PRODUCT, purchases.product_rhythm_days(sku)
    if days is not None:
        whose = OWN if len(purchases.products[sku]) > GAPS_TO_KNOW else OWN_EARLY
    elif not purchases.buys_at_no_rhythm(sku):
        _, effects = actor.handle(product, AskComplements("default", sku, "c", "e", at_ms, "pos"), at_ms)
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.message, Complements):
                days = effect.message.rhythm_days
    if days is None or not Config().shortest_ms <= days * DAY_MS <= Config().longest_ms:
        return None
    return whose, days


def errors(truths: Sequence[int], guesses: Sequence[float]) -> Errors:
    """Measure guesses."""
    off = [abs(truth - guess) for truth, guess in zip(truths, guesses, strict=True)]
    return Errors(median(off), sum(off) / len(off), sum(each <= NEAR_DAYS for each in off) / len(off))


def compare(level: str) -> Iterator[Row]:
    """Yield a comparison for each kind of rhythm, and for all together."""
    found = list(foretold(level))
    for rhythm in (OWN, OWN_EARLY, OF_PRODUCT, ALL):
        chosen = [each for each in found if rhythm in (each.rhythm, ALL)]
        learnt = [each.truth for each in chosen if LEARNT_FROM_MS <= each.bought_ms < COMPARED_FROM_MS]
        compared = [each for each in chosen if each.bought_ms >= COMPARED_FROM_MS]
        truths = [each.truth for each in compared]
        by_interval = {days: errors(learnt, [days] * len(learnt)) for days in INTERVALS}
        closest = min(INTERVALS, key=lambda days: (by_interval[days].median, by_interval[days].mean))
        nearest = max(INTERVALS, key=lambda days: by_interval[days].near)
        pairs = [(abs(each.truth - each.foretold), abs(each.truth - closest)) for each in compared]
        yield Row(
            level,
            rhythm,
            len(compared),
            errors(truths, [each.foretold for each in compared]),
            closest,
            errors(truths, [closest] * len(truths)),
            nearest,
            errors(truths, [nearest] * len(truths)),
            sum(ours < theirs for ours, theirs in pairs) / sum(ours != theirs for ours, theirs in pairs),
        )


def measure() -> list[Row]:
    """Return all rows."""
    return [row for level in LEVELS for row in compare(level)]


if __name__ == "__main__":
    for line in (*HEAD, *measure()):
        print(line)
