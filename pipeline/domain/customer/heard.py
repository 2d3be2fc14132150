"""What products have told a customer: which of them are not to be had, and what goes with those it bought.

Kept in the customer's state, so that what is decided stays a function of state and message. Of stock only as long as
the product tells each change (see `word_to_products.forget_untold`): what is gone may be back, unheard. It is about
products, not about the person: both sides of an undone merge keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.facets.facet import newest
from pipeline.domain.messages.to_customer import Complement, Complements, ProductNews

V = TypeVar("V")

STOCK_KEPT = 100
"""Products whose stock was told. What can be had goes first (it only tells a late word from a new one), then the one
told of longest ago."""

SIZES_KEPT = 64
"""Sizes per product, by the same rule: more than one customer waits for."""

ANSWERS_KEPT = 20
"""Products bought whose complements are known. The one asked about longest ago goes first."""

COMPLEMENTS_KEPT = 5
"""Complements per product, the best: an ad shows few, and of those some are owned already."""

Told: TypeAlias = tuple[int, bool]
"""When it was so (ms), and whether it could be had."""

SIZELESS = ""
"""The size of a product that has none, or of word about all of them."""


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """What a product said goes with it, the best first, when it was asked at `at_ms`."""

    at_ms: int
    complements: tuple[Complement, ...]


class Heard(Struct, frozen=True, array_like=True, gc=False):
    """`stock`: by SKU and size what was told last; `answers`: complements by the SKU they go with."""

    stock: dict[str, dict[str, Told]] = {}
    answers: dict[str, Answer] = {}

    def is_gone(self, sku: str, size: str | None = None) -> bool:
        """Whether a product is known not to be had, in this size where one is given; nothing told: it is.

        That all of it is gone goes for each size, until one is told of that is there. That it is there says nothing of
        a size that is gone.
        """
        sizes = self.stock.get(sku)
        if sizes is None:
            return False
        told_ms, to_be_had = sizes.get(SIZELESS, (0, True))
        if size:
            of_size = sizes.get(size)
            if of_size is not None and (to_be_had or of_size[0] > told_ms):
                return not of_size[1]
        return not to_be_had

    def news(self, news: ProductNews) -> Heard:
        """Take in what a product told of its stock; itself if that is nothing new.

        How many are left, or that a piece kept is gone, says nothing of the whole: that it tells besides (`there`).
        """
        if news.there is not None:
            return self._told_whole(news.sku, news.there, news.occurred_at_ms)
        if news.in_stock is None or news.pieces_before is not None:
            return self
        size, told = news.size or SIZELESS, (news.occurred_at_ms, news.in_stock > 0)
        sizes = self.stock.get(news.sku, {})
        known = sizes.get(size)
        if known is not None and (known[0] > told[0] or known == told):
            return self
        sizes = _kept({**sizes, size: told}, SIZES_KEPT, told_of=lambda each: each)
        return self._with_stock(news.sku, sizes)

    def _told_whole(self, sku: str, there: Mapping[str, bool], at_ms: int) -> Heard:
        """Take in of which sizes there are any: nothing else holds of what was known before, but later word of one."""
        known = self.stock.get(sku, {})
        if known.get(SIZELESS, (0, True))[0] > at_ms:
            return self
        sizes = {size: (at_ms, is_there) for size, is_there in there.items() if not is_there or size == SIZELESS}
        sizes |= {size: told for size, told in known.items() if told[0] > at_ms}
        return self if sizes == known else self._with_stock(sku, _kept(sizes, SIZES_KEPT, told_of=lambda each: each))

    def _with_stock(self, sku: str, sizes: dict[str, Told]) -> Heard:
        return replace(self, stock=_kept({**self.stock, sku: sizes}, STOCK_KEPT, told_of=_of_product))

    def of(self, skus: Container[str]) -> Heard:
        """Return what was told of the stock of these products alone; itself if that is all."""
        stock = {sku: sizes for sku, sizes in self.stock.items() if sku in skus}
        return self if len(stock) == len(self.stock) else replace(self, stock=stock)

    def answered(self, answer: Complements) -> Heard:
        """Take in what goes with a product; itself if a later answer is known."""
        known = self.answers.get(answer.sku)
        heard = Answer(answer.asked_at_ms, answer.complements[:COMPLEMENTS_KEPT])
        if known is not None and (known.at_ms > heard.at_ms or known == heard):
            return self
        return replace(self, answers=_latest({**self.answers, answer.sku: heard}))

    def category(self, sku: str) -> str:
        """Return the category of a product that goes with one bought; "" where it is not known."""
        complements = (each for answer in self.answers.values() for each in answer.complements)
        return max((each.category for each in complements if each.sku == sku), default="")

    def united(self, other: Heard) -> Heard:
        """Return the later word of each product and size, and of each answer."""
        stock = {
            sku: _kept(_both(self.stock.get(sku, {}), other.stock.get(sku, {})), SIZES_KEPT, told_of=lambda each: each)
            for sku in sorted(self.stock.keys() | other.stock.keys())
        }
        answers = dict(self.answers)
        for sku, theirs in sorted(other.answers.items()):
            ours = answers.get(sku)
            if ours is None or theirs.at_ms > ours.at_ms:
                answers[sku] = theirs
        return Heard(_kept(stock, STOCK_KEPT, told_of=_of_product), _latest(answers))

    def sold_out(self) -> dict[str, list[str]]:
        """Return the sizes of each product that are not to be had ("" for all of it), for people."""
        gone = {sku: sorted(size for size, told in sizes.items() if not told[1]) for sku, sizes in self.stock.items()}
        return {sku: sizes for sku, sizes in sorted(gone.items()) if sizes}


NOTHING = Heard()


def _both(a: Mapping[str, Told], b: Mapping[str, Told]) -> dict[str, Told]:
    """Of each size the later word; of the same instant the one that it is gone."""
    both = {**b, **a}
    for size in a.keys() & b.keys():
        both[size] = max(a[size], b[size], key=lambda told: (told[0], not told[1]))
    return dict(sorted(both.items()))


def _of_product(sizes: Mapping[str, Told]) -> Told:
    """Return when a product was told of last, and whether nothing of it is gone."""
    return max(at_ms for at_ms, _ in sizes.values()), all(to_be_had for _, to_be_had in sizes.values())


def _kept(entries: dict[str, V], most: int, told_of: Callable[[V], Told]) -> dict[str, V]:
    if len(entries) <= most:
        return entries

    def worth(name: str) -> tuple[bool, int, str]:
        at_ms, to_be_had = told_of(entries[name])
        return not to_be_had, at_ms, name

    return {name: entries[name] for name in sorted(sorted(entries, key=worth)[-most:])}


def _latest(answers: dict[str, Answer]) -> dict[str, Answer]:
    return newest(answers, ANSWERS_KEPT, lambda answer: answer.at_ms)
