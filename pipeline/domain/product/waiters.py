"""One waiting list of a product: the customers of one shard who want something of it, and who of them has been told.

The customers of a product are spread over `SHARDS` lists, so that ever so many never make one big state. A list knows
nothing of stock; it answers the product (`waves.py`) and carries out what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.messages.effects import Count, Effect, Send
from pipeline.domain.messages.keys import customer_key, product_key
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import (
    BOUGHT,
    JOINED,
    AskWaiters,
    Candidate,
    Candidates,
    FromWaiters,
    Interest,
    Passed,
    Presence,
    PriceTurned,
    Released,
    StockTurned,
    TellWaiters,
    ToWaiters,
    Waits,
    full_minute,
    waiters_key,
)
from pipeline.domain.product.presence import news_for
from pipeline.domain.product.waiter import Waiter, eagerness, is_of_few, pieces_for, worth

WAITERS_KEPT = 4_096
"""Customers per list, 260,000 per product, some 350 kB a list. The least eager goes first, never one a piece is kept
for."""

TOLD_AT_ONCE = 200
"""Customers told by one message; the list goes on by a word to itself."""


class Waiters(Struct, frozen=True, array_like=True, gc=False):
    """`customers` by id. `there_ms`: since when the pieces are there that were told of last; `low_at`: the greatest.

    `there`: of which sizes there are any ("": at all) as of `changed_ms`; empty where that was never told. `asked`: the
    product knows that this list is to know, `priced`: and that it waits for a price.
    """

    shard: int
    customers: dict[str, Waiter] = {}
    there_ms: int = 0
    low_at: int = 0
    there: dict[str, bool] = {}
    changed_ms: int = 0
    asked: bool = False
    priced: bool = False

    @property
    def waiting(self) -> int:
        """Return how many customers wait for word of its price, or of its stock and were not told since they asked."""
        return sum(each.is_waiting for each in self.customers.values())

    def take(self, message: ToWaiters) -> tuple[Waiters | None, Sequence[Effect]]:
        """Take in one message; None where nobody waits any more."""
        match message:
            case Interest():
                after, effects = self._said(message)
            case Passed():
                after, effects = self._passed(message)
            case AskWaiters():
                after, effects = self._asked(message)
            case TellWaiters():
                after, effects = self._tell(message)
            case StockTurned():
                after, effects = self._stock_turned(message)
            case PriceTurned():
                after, effects = self._turned(message)
            case Presence():
                after, effects = self._present(message)
        return (after if after.customers else None), effects

    def _said(self, interest: Interest) -> tuple[Waiters, Sequence[Effect]]:
        """Keep what a customer says, and let go of the piece kept for one who does not wait any more."""
        name, wanted = interest.customer_id, interest.wanted
        known = self.customers.get(name)
        if known is None and not wanted:
            return self, ()
        known = known or Waiter(interest.at_ms)
        if interest.at_ms < known.at_ms:
            return self, ()
        effects: list[Effect] = []
        if known.until_ms and not wanted.rank:
            why = {want for want, _ in interest.wants}
            if JOINED not in why:  # else who they are part of keeps it, until the time is over
                effects.append(self._released(interest, known, bought=BOUGHT in why))
            known = replace(known, until_ms=0, later=False)
        customers = self.customers.copy()
        if not wanted:
            del customers[name]
            if not customers:
                effects.append(_to_product(Waits(interest.tenant, interest.sku, self.shard, interest.at_ms, False)))
            return replace(self, customers=customers), effects
        customers[name] = waiter = replace(known, at_ms=interest.at_ms, wanted=wanted)
        if self.there and wanted.known and (not known.wanted.known or known.wanted.own_size != wanted.own_size):
            told = self._presence(interest)
            effects += _told(news_for(name, wanted.own_size, told, None))
        if len(customers) > WAITERS_KEPT:
            del customers[min(customers, key=lambda each: worth(each, customers[each], interest.at_ms))]
            effects.append(Count("evictions", "waiters"))
        low_at = max(self.low_at, wanted.low_at)
        asks = wanted.known and not self.asked
        prices = wanted.price and not self.priced
        is_new = not self.customers or low_at > self.low_at or asks or prices
        if is_new or waiter.may_be_told(self.there_ms, interest.at_ms):
            place = (interest.tenant, interest.sku, self.shard, interest.at_ms)
            effects.append(_to_product(Waits(*place, True, low_at, asks, interest.event_id, prices)))
        after = replace(
            self, customers=customers, low_at=low_at, asked=self.asked or asks, priced=self.priced or prices
        )
        return after, effects

    def _passed(self, passed: Passed) -> tuple[Waiters, Sequence[Effect]]:
        """Let go of the piece kept for a customer who was not told; or keep it longer, where they are told later."""
        known = self.customers.get(passed.customer_id)
        if known is None or not known.told_ms or known.told_ms != passed.told_ms:
            return self, ()
        until_ms = full_minute(passed.until_ms)
        effects = (self._released(passed, known, to_ms=until_ms),) if known.until_ms else ()
        if until_ms and known.until_ms:
            waiter = replace(known, until_ms=until_ms, later=True)
        else:  # what is gone meanwhile is not told later either
            waiter = replace(known, told_ms=0, until_ms=0, passed_ms=known.told_ms)
        return replace(self, customers={**self.customers, passed.customer_id: waiter}), effects

    def _asked(self, ask: AskWaiters) -> tuple[Waiters, Sequence[Effect]]:
        """Answer with the most eager: an explicit alert before a wish, a cart, a view; then who waits longest."""
        free = ask.free.copy()
        chosen: list[Candidate] = []
        eligible = [(name, each) for name, each in self.customers.items() if each.may_take(ask)]
        for name, each in sorted(eligible, key=eagerness):
            wanted = each.wanted
            size = wanted.size if wanted.size in free else "" if wanted.size is not None else None
            if size is not None:  # who takes any size leaves it to the product which
                if free[size] <= 0:
                    continue
                free[size] -= 1
            chosen.append(Candidate(name, wanted.rank, wanted.since_ms, wanted.size, wanted.hold_ms))
            if len(chosen) > ask.most:
                break
        answer = Candidates(
            ask.tenant,
            ask.sku,
            self.shard,
            ask.number,
            ask.at_ms,
            tuple(chosen[: ask.most]),
            len(chosen) > ask.most,
        )
        there_ms = max(self.there_ms, ask.whole_ms, *ask.since.values())
        return self if there_ms == self.there_ms else replace(self, there_ms=there_ms), (_to_product(answer),)

    def _tell(self, tell: TellWaiters) -> tuple[Waiters, Sequence[Effect]]:
        """Offer pieces. Who wants none any more since they were chosen gives it back."""
        customers = self.customers.copy()
        effects: list[Effect] = []
        for offer in tell.offers:
            known = customers.get(offer.customer_id)
            if known is None or known.wanted.size not in (None, offer.size, offer.size or known.wanted.size):
                back = Released(
                    tell.tenant, tell.sku, self.shard, tell.at_ms, offer.size, offer.until_ms, number=tell.number
                )
                effects.append(_to_product(back))
                continue
            told_ms = max(tell.at_ms, known.wanted.asked_ms)
            customers[offer.customer_id] = replace(
                known,
                told_ms=told_ms,
                until_ms=offer.until_ms,
                kept_size=offer.size,
                passed_ms=0,
                later=False,
                number=tell.number,
            )
            news = ProductNews(
                tell.tenant,
                offer.customer_id,
                tell.sku,
                tell.cause,
                told_ms,
                tell.pieces.get(offer.size, 0),
                offer.size or None,
                kept_until_ms=offer.until_ms,
                place=offer.place,
                round=tell.number,
            )
            effects.append(_to_customer(news))
        return replace(self, customers=customers), effects

    def _stock_turned(self, turned: StockTurned) -> tuple[Waiters, Sequence[Effect]]:
        """Tell who keeps a piece that is gone, and who has in the cart what has become scarce, or was."""
        changed: dict[str, Waiter] = {}

        def news(name: str, each: Waiter) -> Sequence[ProductNews]:
            said = ProductNews(turned.tenant, name, turned.sku, turned.cause, turned.at_ms)
            found: list[ProductNews] = []
            if each.until_ms > turned.at_ms and turned.pieces.get(each.kept_size, 0) <= 0:
                changed[name] = replace(each, until_ms=0)
                if each.later:  # what was held back is taken back: they wait on, and may take another that is there
                    passed_ms = 0 if pieces_for(each.wanted.size, turned.pieces) > 0 else each.told_ms
                    changed[name] = replace(each, told_ms=0, until_ms=0, later=False, passed_ms=passed_ms)
                size, before = each.kept_size or None, turned.before.get(each.kept_size, 0)
                found.append(replace(said, in_stock=0, size=size, pieces_before=before))
            size, low_at = each.wanted.own_size, each.wanted.low_at
            before, now = pieces_for(size, turned.before), pieces_for(size, turned.pieces)
            if is_of_few(before, now, low_at):
                found.append(replace(said, in_stock=now, size=size, pieces_before=before))
            return found

        effects = self._in_turn(turned, news)
        return (replace(self, customers=self.customers | changed) if changed else self), effects

    def _turned(self, turned: PriceTurned) -> tuple[Waiters, Sequence[Effect]]:
        """Tell of a price."""

        def news(name: str, each: Waiter) -> Sequence[ProductNews]:
            if not each.wanted.price:
                return ()
            said = ProductNews(
                turned.tenant,
                name,
                turned.sku,
                turned.cause,
                turned.at_ms,
                unit_price_minor=turned.now_minor,
                before_minor=turned.before_minor,
                currency=turned.currency,
            )
            return (said,)

        return self, self._in_turn(turned, news)

    def _presence(self, why: Interest) -> Presence:
        return Presence(why.tenant, why.sku, self.shard, 0, self.changed_ms, why.event_id, self.there)

    def _present(self, presence: Presence) -> tuple[Waiters, Sequence[Effect]]:
        """Tell those who are to know of what has gone and what has come back."""
        before = presence.before if presence.after else self.there or None
        after = self if presence.after else replace(self, there=presence.there, changed_ms=presence.at_ms)
        effects: list[Effect] = []
        for name in sorted(name for name in self.customers if name > presence.after):
            each = self.customers[name]
            if each.wanted.known:
                effects += _told(news_for(name, each.wanted.own_size, presence, before))
            if len(effects) >= TOLD_AT_ONCE:
                key = waiters_key(presence.tenant, presence.sku, self.shard)
                return after, [*effects, Send("product", key, replace(presence, before=before, after=name))]
        return after, effects

    def _in_turn(
        self, message: StockTurned | PriceTurned, news: Callable[[str, Waiter], Sequence[ProductNews]]
    ) -> list[Effect]:
        """Tell some, in the order of their ids, and go on with the others by a word to this list itself."""
        effects: list[Effect] = []
        for name in sorted(name for name in self.customers if name > message.after):
            effects += map(_to_customer, news(name, self.customers[name]))
            if len(effects) >= TOLD_AT_ONCE:
                key = waiters_key(message.tenant, message.sku, self.shard)
                return [*effects, Send("product", key, replace(message, after=name))]
        return effects

    def _released(self, why: Interest | Passed, waiter: Waiter, *, bought: bool = False, to_ms: int = 0) -> Send:
        size, until_ms = waiter.kept_size, waiter.until_ms
        released = Released(why.tenant, why.sku, self.shard, why.at_ms, size, until_ms, bought, to_ms, waiter.number)
        return _to_product(released)


def _told(news: ProductNews | None) -> list[Effect]:
    return [] if news is None else [_to_customer(news)]


def _to_product(message: FromWaiters) -> Send:
    return Send("product", product_key(message.tenant, message.sku), message)


def _to_customer(news: ProductNews) -> Send:
    return Send("customer", customer_key(news.tenant, news.customer_id), news)
