"""What was bought together with a product, and what of it goes well with it.

A product counts its own baskets and pairs. How many orders hold the other one, and how many there are in all, others
must tell: each product tells those it has come up with `BASKETS_TO_ASK` times, whenever its orders have grown by a
`GROWTH`th; who has lost count of it is asked, one per order at most. Both go through a counter of all orders, which
adds its own: the two belong together, so a share of all orders is as of one moment, if not of now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import nsmallest

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer.as_json import Json
from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_customer import Complement
from pipeline.domain.messages.to_product import AskOrders, BoughtTogether, OrdersHeld, OrdersOf, TakenBack
from pipeline.domain.product import rhythm
from pipeline.domain.product.association import excess, is_chance, is_sure
from pipeline.domain.product.decay import MOST_HALF_LIVES, Decay
from pipeline.domain.product.keys import counter_of
from pipeline.domain.product.known import BASKETS_TO_ASK, NOTHING_KNOWN, Known, worth_asking
from pipeline.domain.product.pairs import NEWCOMERS, TOGETHER_KEPT, Pair, heaviest
from pipeline.domain.time import DAY_MS

GROWTH = 8
"""Lift is off by 4 % in the median on The Complete Journey, and 96 % of the best ten are found; at a 4th it is 95 %,
with two thirds of the messages."""

COMPLEMENTS_ANSWERED = 10
"""Complements per answer: the customer owns some, and wants one."""

OF_ONE_CATEGORY = 3
"""Complements of one category that come before those of others."""

RARELY = 20
"""What fewer than one in so many orders held too is bought rarely with a product."""


class Companions(Struct, frozen=True, array_like=True, gc=False):
    """`baskets` orders held the product; `together` counts those that also held another.

    `gaps` counts days between two purchases of one customer (see `rhythm.py`). Weights are as of `since_ms`, of
    which an order later than that weighs more than 1 (forward decay, Cormode 2009): so nothing has to fade.
    `missed` is the most that a pair may weigh which is not counted (see `pairs.py`).
    `orders` is the weight of all orders as of `orders_ms`, the newest told; `category` the product's own; `told` what
    its weight was when it told the others of it.
    """

    baskets: int = 0
    together: dict[str, Pair] = {}
    gaps: dict[int, int] = {}
    weight: float = 0.0
    since_ms: int = 0
    last_ms: int = 0
    half_life_days: int = 0
    missed: float = 0.0
    known: dict[str, Known] = {}
    orders: float = 0.0
    category: str = ""
    told: float = 0.0
    orders_ms: int = 0

    @property
    def is_new(self) -> bool:
        """Whether it was bought too seldom to say what goes with it."""
        return self.baskets < BASKETS_TO_ASK

    def bought(self, order: BoughtTogether, decay: Decay) -> tuple[Companions, Sequence[Effect]]:
        """Count an order."""
        at_ms = order.occurred_at_ms
        was = self._begun(at_ms, decay)
        one, missed, known = decay.factor(was.since_ms - at_ms), was.missed, was.known
        together = was.together.copy()
        for sku in order.others:
            pair = together.get(sku)
            if pair is None:
                together[sku] = Pair(1, one, missed)
            else:
                together[sku] = Pair(pair.baskets + 1, pair.weight + one, pair.missed)
        effects: list[Effect] = []
        if len(together) > TOGETHER_KEPT + NEWCOMERS:
            effects.extend([Count("evictions", "together")] * (len(together) - TOGETHER_KEPT))
            together, lost = heaviest(together)
            missed = max(missed, lost)
            known = {sku: each for sku, each in known.items() if sku in together}
        wanted = worth_asking(order, together, known)
        if wanted is not None:
            known = {**known, wanted: replace(known.get(wanted, NOTHING_KNOWN), at_ms=at_ms)}
            question = AskOrders(order.tenant, wanted, order.sku, at_ms)
            effects.append(Send("product", product_key(order.tenant, wanted), question))
        weight, told, category = was.weight + one, was.told, order.category or was.category
        if weight * GROWTH > told * (GROWTH + 1):
            to = tuple(sku for sku, pair in together.items() if pair.baskets >= BASKETS_TO_ASK)
            if to:
                told = weight
                effects.append(_tell(order.tenant, order.sku, to, weight / one, category, at_ms))
        gaps = was.gaps if order.gap_days is None else rhythm.with_gap(was.gaps, order.gap_days)
        after = Companions(
            was.baskets + 1,
            together,
            gaps,
            weight,
            was.since_ms,
            max(was.last_ms, at_ms),
            was.half_life_days,
            missed,
            known,
            was.orders,
            category,
            told,
            was.orders_ms,
        )
        return after, effects

    def taken_back(self, word: TakenBack, decay: Decay) -> Companions:
        """Take out of the counts what was given back."""
        was = self._begun(word.occurred_at_ms, decay)
        one = decay.factor(was.since_ms - word.bought_at_ms)
        together = was.together.copy()
        for sku in word.others:
            pair = together.get(sku)
            if pair is not None and pair.baskets > 1:
                together[sku] = Pair(pair.baskets - 1, max(0.0, pair.weight - one), pair.missed)
            elif pair is not None:
                del together[sku]
        known = {sku: each for sku, each in was.known.items() if sku in together}
        if not word.itself or not was.baskets:
            return replace(was, together=together, known=known)
        weight = max(0.0, was.weight - one)
        return replace(was, together=together, known=known, baskets=was.baskets - 1, weight=weight)

    def asked(self, ask: AskOrders) -> Sequence[Effect]:
        """Tell another product how many orders hold this one."""
        weight = self.weight * Decay(self.half_life_days).factor(ask.at_ms - self.since_ms)
        return (_tell(ask.tenant, ask.sku, (ask.by,), weight, self.category, ask.at_ms),)

    def heard(self, word: OrdersHeld) -> Companions:
        """Take down how many orders hold another product, and how many there are: of two words the newer holds.

        One that has not heard yet of the orders they share, or a counter that has not, says nothing of use: it is asked
        again with the next order.
        """
        if word.of not in self.together:
            return self
        known = self.known.get(word.of, NOTHING_KNOWN)
        if word.weight <= 0 or word.orders <= 0:
            return replace(self, known={**self.known, word.of: replace(known, at_ms=0)}) if known.at_ms else self
        after = self
        if (word.at_ms, word.orders) > (self.orders_ms, self.orders):
            after = replace(self, orders=word.orders, orders_ms=word.at_ms)
        heard = Known(word.at_ms, word.weight, word.orders, word.category)
        if known.orders and (known.at_ms, known.weight, known.orders) > (word.at_ms, word.weight, word.orders):
            return after
        return replace(after, known={**self.known, word.of: heard})

    def complements(self, only_sure: bool = False) -> tuple[Complement, ...]:
        """Return the best complements: what is surely bought with it more often than chance has it, by `excess`.

        Then, unless `only_sure`, what there is too little of to tell, by baskets. Not ten of one category, where there
        are others.
        """
        if not self.together:
            return ()
        fade = Decay(self.half_life_days).factor(self.last_ms - self.since_ms)
        one = self.weight * fade
        sure: list[tuple[float, str]] = []
        rest: list[tuple[float, str]] = []
        for sku, pair in self.together.items():
            known = self.known.get(sku)
            if known is None or not known.orders:
                rest.append((-pair.weight, sku))
                continue
            both, other = pair.weight * fade, self._others(known)
            total = max(self.orders, one + other - both)
            if is_sure(both, one, other, total):
                sure.append((-excess(both, one, other / total), sku))
            elif not is_chance(both, one, other, total):
                rest.append((-pair.weight, sku))
        sure.sort()
        ranked = [sku for _, sku in sure]
        if len(ranked) < COMPLEMENTS_ANSWERED and not only_sure:
            ranked += [sku for _, sku in nsmallest(COMPLEMENTS_ANSWERED - len(ranked), rest)]
        return tuple(self._complement(sku, one) for sku in self._varied(ranked))

    def bought_with(self) -> set[str]:
        """Return what a twentieth of the orders held too: whoever buys it wants both."""
        return {sku for sku, pair in self.together.items() if pair.baskets * RARELY > self.baskets}

    def rhythm_days(self) -> float | None:
        """Return after how many days customers buy it again; None where that is not known."""
        return rhythm.days(self.gaps)

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about orders."""
        return {
            "baskets": self.baskets,
            "complements": [
                {
                    "baskets": other.baskets,
                    "confidence": other.confidence,
                    "lift": other.lift,
                    "sku": other.sku,
                    "support": other.support,
                }
                for other in self.complements()
            ],
            "rhythm_days": self.rhythm_days(),
        }

    def _begun(self, at_ms: int, decay: Decay) -> Companions:
        """Return it with weights that can be added to at a time, under the half-life that holds now."""
        if not self.together and not self.weight:
            return replace(self, since_ms=at_ms, half_life_days=decay.half_life_days, missed=0.0)
        before = Decay(self.half_life_days)
        ahead_ms = max(0, at_ms - self.since_ms)
        if before == decay and ahead_ms <= MOST_HALF_LIVES * decay.half_life_days * DAY_MS:
            return self
        if not (before.half_life_days or decay.half_life_days):
            return self
        fade = before.factor(ahead_ms)
        together = {
            sku: Pair(pair.baskets, pair.weight * fade, pair.missed * fade) for sku, pair in self.together.items()
        }
        return replace(
            self,
            together=together,
            weight=self.weight * fade,
            since_ms=self.since_ms + ahead_ms,
            half_life_days=decay.half_life_days,
            missed=self.missed * fade,
            told=self.told * fade,
        )

    def _complement(self, sku: str, one: float) -> Complement:
        pair, known = self.together[sku], self.known.get(sku)
        confidence = pair.weight / self.weight if self.weight else 0.0
        if known is None or not known.orders:
            return Complement(sku, pair.baskets, confidence, category="" if known is None else known.category)
        support, share = confidence * min(1.0, one / self.orders), self._others(known) / self.orders
        return Complement(sku, pair.baskets, confidence, support, confidence / share, known.category)

    def _others(self, known: Known) -> float:
        """Return how many orders hold another product."""
        return known.weight / known.orders * self.orders

    def _varied(self, ranked: Sequence[str]) -> list[str]:
        """Return the first, those of a category of which there are enough before only where there are too few."""
        first: list[str] = []
        later: list[str] = []
        of_category: Counter[str] = Counter()
        for sku in ranked:
            known = self.known.get(sku)
            category = "" if known is None else known.category
            of_category[category] += 1
            (later if category and of_category[category] > OF_ONE_CATEGORY else first).append(sku)
        return [*first, *later][:COMPLEMENTS_ANSWERED]


def _tell(tenant: str, sku: str, to: tuple[str, ...], weight: float, category: str, at_ms: int) -> Effect:
    counter = counter_of(sku)
    return Send("product", product_key(tenant, counter), OrdersOf(tenant, counter, sku, to, weight, category, at_ms))
