"""A condition on what there is to advertise: it also finds the products themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from pipeline.domain.conditions.combined import AllOf, AnyOf
from pipeline.domain.conditions.word import Word, any_of_text, within_text
from pipeline.domain.customer.availability import size_of
from pipeline.domain.messages.waves import Hearing, Want
from pipeline.domain.records import Shown
from pipeline.domain.triggers.view import Condition, CustomerView

SHOWN_KEPT = 20
"""Products shown to one customer, the newest: an ad has room for ten, and some are not in the platform's catalogue."""

GOES_WITH_BOUGHT = "goes_with_bought"

_WANT = {
    "carted": Want.CART,
    "viewed": Want.VIEWED,
    "wished": Want.WISH,
    "bought": Want.OWNED,
    GOES_WITH_BOUGHT: Want.GOES_WITH,
}
"""What a customer tells a product to hear of its stock."""

Source: TypeAlias = Literal["carted", "viewed", "wished", "bought", "goes_with_bought"]

Found: TypeAlias = tuple[int, int, str]
"""When the interest was last (ms, negative: the newest sorts first), its place among those of that time, the SKU."""


class Shows(Word, frozen=True):
    """There is a product to show: `carted`, `viewed`, `wished`, `bought`, or what `goes_with_bought`, within this time.

    Not one bought since (viewed, or going with it: ever), nor one sold out in the customer's size.
    """

    EXAMPLE: ClassVar[str] = "{shows: [carted, viewed], within: 30d}"

    shows: Annotated[tuple[Source, ...], Meta(min_length=1)]
    within_ms: int | None = None

    @property
    def text(self) -> str:
        """What of."""
        words = any_of_text(source.replace("_", " ") for source in self.shows)
        return f"there is a product to show ({words}{within_text(self.within_ms)})"

    def hears(self) -> Hearing:
        """Say of which products it is to be known whether there are any."""
        return Hearing(known=reduce(or_, (_WANT[source] for source in self.shows)))

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        """Whether there is one."""
        return bool(self.shown(customer, at_ms))

    def moments(self, customer: CustomerView) -> Iterable[int]:
        """Return when the newest of them will have been too long ago."""
        return self.ends(customer)[:1]

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        """Return when the last will be too long ago. Time alone brings none, which saves looking again at each time."""
        return next(iter(self.moments(customer)), None) if now else None

    def ends(self, customer: CustomerView) -> list[int]:
        """Return when each of them will have been too long ago, the newest first."""
        if self.within_ms is None:
            return []
        return [at_ms + self.within_ms for at_ms, _ in self._found(customer)]

    def shown(self, customer: CustomerView, at_ms: int) -> list[tuple[int, Shown]]:
        """Return the products, with the time of the interest, the newest first."""
        found = self._found(customer)
        if self.within_ms is None:
            return found
        return [each for each in found if at_ms < each[0] + self.within_ms]

    def _found(self, customer: CustomerView) -> list[tuple[int, Shown]]:
        newest: dict[str, int] = {}
        for before_ms, _, sku in sorted(self._interests(customer)):
            newest.setdefault(sku, -before_ms)
        kept: list[tuple[int, Shown]] = []
        for sku, at_ms in newest.items():
            size = size_of(sku, customer)
            if not customer.heard.is_gone(sku, size):
                kept.append((at_ms, Shown(sku, size)))
                if len(kept) == SHOWN_KEPT:
                    break
        return kept

    def _interests(self, customer: CustomerView) -> Iterator[Found]:
        """Yield every interest that no purchase has settled."""
        owned, interests = customer.owned, customer.facets.interests
        if "carted" in self.shows:
            for cart in customer.carts.values():
                for sku, line in cart.lines.items():
                    if line.quantity > 0 and owned.get(sku, -1) < line.changed_at_ms:
                        yield -line.changed_at_ms, 0, sku
        if "viewed" in self.shows and interests is not None:
            for sku, view in interests.views.items():
                if sku not in owned:
                    yield -view.last_at_ms, 0, sku
        if "wished" in self.shows and interests is not None:
            for sku, wish in interests.wishes.items():
                if wish.wished and owned.get(sku, -1) < wish.at_ms:
                    yield -wish.at_ms, 0, sku
        if "bought" in self.shows:
            for sku, at_ms in owned.items():
                yield -at_ms, 0, sku
        if GOES_WITH_BOUGHT in self.shows:
            for sku, answer in customer.heard.answers.items():
                if sku in owned:
                    for place, other in enumerate(answer.complements):
                        if other.sku not in owned:
                            yield -owned[sku], place, other.sku


def shown(condition: Condition, customer: CustomerView, at_ms: int) -> tuple[Shown, ...]:
    """Return the products that a condition which holds has found, each once, the newest first."""
    found: dict[str, tuple[int, Shown]] = {}
    for since_ms, product in _shown(condition, customer, at_ms):
        if product.sku not in found or since_ms > found[product.sku][0]:
            found[product.sku] = since_ms, product
    newest = sorted(found.values(), key=lambda each: -each[0])  # equals as they were found
    return tuple(product for _, product in newest[:SHOWN_KEPT])


def shows_in(value: object) -> Iterator[Shows]:
    """Yield every such condition in a rule, an audience, or several of them."""
    if isinstance(value, Shows):
        yield value
    elif isinstance(value, Struct):
        for field in value.__struct_fields__:
            yield from shows_in(getattr(value, field))
    elif isinstance(value, tuple):
        for each in value:
            yield from shows_in(each)


def _shown(condition: object, customer: CustomerView, at_ms: int) -> Iterator[tuple[int, Shown]]:
    if isinstance(condition, Shows):
        yield from condition.shown(customer, at_ms)
    elif isinstance(condition, AllOf | AnyOf):
        for part in condition.all if isinstance(condition, AllOf) else condition.any:
            if part.holds(customer, at_ms):
                yield from _shown(part, customer, at_ms)
