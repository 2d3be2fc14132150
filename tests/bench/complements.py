"""`python -m tests.bench.complements`: what streaming complements are worth, against an exact count and other methods.

A year of baskets of The Complete Journey, by product. The first table holds the streaming counts against the exact
calculation. For the second, the first four fifths of the baskets are there to learn from, and the rest is foretold:
one line from the other lines of its basket, a basket from one of its lines, and the next basket from the one before,
always by ten products. The library is installed with `pip install --group bench`; without it its rows are left out.
Prints the tables of tests/bench/README.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import log
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from pipeline.domain.messages.to_customer import Complement
from pipeline.domain.product.association import excess
from pipeline.domain.product.known import BASKETS_TO_ASK
from tests.harness.affinities import Affinities, Basket
from tests.harness.baskets import baskets_of, category_of, sku_of
from tests.harness.data_sets import events_of
from tests.harness.products import Products

LEARNT: Final = 0.8
"""Share of the baskets, the earliest, that is learnt from."""
FORETOLD: Final = 10
NEIGHBOURS: Final = (20, 200)
"""Of the library: its default, and ten times as many."""
PRIOR: Final = 20.0
"""Baskets of doubt in a lift: see `_damped`."""
LIFTED: Final = (0.2, 1.0)
"""Power of the lifts beside what is popular. The first was best for the next basket among 0.1, 0.2, 0.3, 0.5 and 1
where three fifths of the baskets were learnt from and the fourth foretold."""
POPULAR: Final = 100
"""Products that are proposed whatever was bought."""

Foretell: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
"""Takes what is in a basket, returns products that are not, best first."""


class Hits(NamedTuple):
    """Share of cases in which one of the ten products was right."""

    method: str
    line: float
    basket: float
    next_basket: float

    def __str__(self) -> str:
        """As a row of the table."""
        return f"| {self.method} | {self.line:.1%} | {self.basket:.1%} | {self.next_basket:.1%} |"


class Cases(NamedTuple):
    """What is known and what is to be foretold of it, three times."""

    lines: list[tuple[tuple[str, ...], set[str]]]
    baskets: list[tuple[tuple[str, ...], set[str]]]
    next_baskets: list[tuple[tuple[str, ...], set[str]]]


@cache
def year(by: str = "product") -> list[Basket]:
    """Return all baskets in the order of time."""
    return baskets_of(events_of("complete_journey"), sku_of if by == "product" else category_of)


def split(baskets: Sequence[Basket], learnt: float = LEARNT, until: float = 1.0) -> tuple[list[Basket], Cases]:
    """Return the baskets to learn from, and the cases of those that come then. Products never learnt are left out."""
    end = round(len(baskets) * learnt)
    first = list(baskets[:end])
    known = {sku for basket in first for sku in basket.skus}
    chance, last = Random(1), dict[str, tuple[str, ...]]()
    cases = Cases([], [], [])
    for number, basket in enumerate(baskets[: round(len(baskets) * until)]):
        skus = tuple(sku for sku in basket.skus if sku in known)
        if number >= end and len(skus) > 1:
            hidden, told = chance.choice(skus), chance.choice(skus)
            cases.lines.append((tuple(sku for sku in skus if sku != hidden), {hidden}))
            cases.baskets.append(((told,), set(skus) - {told}))
        if number >= end and skus and basket.account in last:
            cases.next_baskets.append((last[basket.account], set(skus)))
        if skus:
            last[basket.account] = skus
    return first, cases


def hits(method: str, foretell: Foretell, cases: Cases) -> Hits:
    """Count how often one of the ten products that a method foretells is right."""

    def share(of: Iterable[tuple[tuple[str, ...], set[str]]]) -> float:
        found = [not right.isdisjoint(foretell(told)[:FORETOLD]) for told, right in of]
        return sum(found) / len(found)

    return Hits(method, share(cases.lines), share(cases.baskets), share(cases.next_baskets))


def popular(exact: Affinities) -> Foretell:
    """Foretell what is bought most."""
    order = [sku for sku, _ in exact.of.most_common()]

    def foretell(told: Sequence[str]) -> Sequence[str]:
        return [sku for sku in order[: FORETOLD + len(told)] if sku not in told]

    return foretell


def streaming(products: Products) -> Foretell:
    """Foretell the complements of all that is in the basket, excesses added up."""

    def foretell(told: Sequence[str]) -> Sequence[str]:
        scores: dict[str, float] = {}
        for sku in told:
            baskets = products[sku].companions.baskets
            for other in _complements(products, sku):
                share = other.confidence / other.lift if other.lift else 0.0
                # what there is too little of to tell comes after all else
                worth = 1.0 if other.lift else 1e-3
                if other.sku not in told:
                    of_pair = worth * excess(other.confidence * baskets, baskets, share)
                    scores[other.sku] = scores.get(other.sku, 0.0) + of_pair
        return _best(scores)

    return foretell


def streaming_and_popular(products: Products, exact: Affinities, lifted: float) -> Foretell:
    """Foretell what is popular, times the lifts (to a power) of all that is in the basket: a naive Bayes."""
    shares = {sku: number / exact.baskets for sku, number in exact.of.items()}
    prior = {sku: log(shares[sku]) for sku, _ in exact.of.most_common(POPULAR)}

    def foretell(told: Sequence[str]) -> Sequence[str]:
        scores = dict(prior)
        for sku in told:
            baskets = products[sku].companions.baskets
            for other in _complements(products, sku):
                if other.lift:
                    start = scores.get(other.sku, log(shares[other.sku]))
                    scores[other.sku] = start + lifted * log(_damped(other, baskets))
        return _best({sku: score for sku, score in scores.items() if sku not in told})

    return foretell


def _damped(other: Complement, baskets: int) -> float:
    """Return the lift as it would be had `PRIOR` more baskets shown none."""
    share = other.confidence / (other.lift or 1.0)
    return (other.confidence * baskets + PRIOR * share) / (baskets + PRIOR) / share


def _best(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda sku: (-scores[sku], sku))[:FORETOLD]


_LISTS: dict[tuple[int, str], Sequence[Complement]] = {}


def _complements(products: Products, sku: str) -> Sequence[Complement]:
    found = _LISTS.get((id(products), sku))
    if found is None:
        found = _LISTS[id(products), sku] = products[sku].companions.complements()
    return found


def library(baskets: Sequence[Basket], neighbours: int) -> Foretell:
    """Foretell by the cosine of products over baskets, as the library implicit does. Raises ImportError."""
    from implicit.nearest_neighbours import CosineRecommender
    from scipy.sparse import csr_matrix

    skus = sorted({sku for basket in baskets for sku in basket.skus})
    number_of = {sku: number for number, sku in enumerate(skus)}

    def matrix(rows: Sequence[Sequence[str]]) -> Any:
        cells = [(row, number_of[sku]) for row, each in enumerate(rows) for sku in each]
        ones = [1.0] * len(cells)
        return csr_matrix((ones, tuple(zip(*cells, strict=True))), shape=(len(rows), len(skus)))

    model = CosineRecommender(K=neighbours, num_threads=1)
    model.fit(matrix([basket.skus for basket in baskets]), show_progress=False)

    def foretell(told: Sequence[str]) -> Sequence[str]:
        found, scores = model.recommend(0, matrix([told]), N=FORETOLD, filter_already_liked_items=True)
        return [skus[number] for number, score in zip(found, scores, strict=True) if score > 0]

    return foretell


HITS_HEAD: Final = ("| method | one line of a basket | a basket, from one line | the next basket |", "| --- " * 4 + "|")


def measure_hits() -> Iterator[Hits]:
    """Yield a row for each method."""
    first, cases = split(year())
    exact = Affinities(first)
    yield hits("what is popular", popular(exact), cases)
    for neighbours in NEIGHBOURS:
        try:
            foretell = library(first, neighbours)
        except ImportError:
            print("implicit is not installed: pip install --group bench", file=sys.stderr)
            break
        yield hits(f"implicit, cosine, {neighbours} neighbours", foretell, cases)
    for half_life in (180, 0):
        name = f"half-life {half_life} days" if half_life else "nothing fades"
        products = Products(half_life).all_ordered(first)
        yield hits(f"streaming, {name}", streaming(products), cases)
        for power in LIFTED:
            foretell = streaming_and_popular(products, exact, power)
            yield hits(f"streaming, {name}, and what is popular, lifts to the power of {power:g}", foretell, cases)


EXACT_HEAD: Final = (
    "| by | orders | products | of the exact ten best found | lift off by, median | 9 in 10 | messages a line "
    "| largest state, bytes |",
    "| --- " * 8 + "|",
)


def compare(by: str) -> str:
    """Return a row that holds streaming counts of which nothing fades against the exact calculation."""
    baskets = year(by)
    exact, products = Affinities(baskets), Products(0).all_ordered(baskets)
    found, best = exact.recall(lambda sku: products[sku].companions.complements(), BASKETS_TO_ASK)
    off = sorted(
        abs(other.lift / exact.pair(sku, other.sku).lift - 1)
        for sku in exact.of
        for other in products[sku].companions.complements()
        if other.lift
    )
    lines = sum(len(basket.skus) for basket in baskets)
    largest = max(len(msgspec.msgpack.encode(state)) for state in products.states.values())
    return (
        f"| {by} | {len(baskets):,} | {len(exact.of):,} | {found:,} of {best:,} ({found / best:.1%}) "
        f"| {off[len(off) // 2]:.1%} | {off[len(off) * 9 // 10]:.1%} | {products.handled.total() / lines:.1f} "
        f"| {largest:,} |"
    )


if __name__ == "__main__":
    for line in (*EXACT_HEAD, *map(compare, ("category", "product")), "", *HITS_HEAD):
        print(line, flush=True)
    for row in measure_hits():
        print(row, flush=True)
