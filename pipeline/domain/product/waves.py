"""A product's word to those who wait for it, in waves: never more told than there are pieces for.

Whoever is told has a piece kept for a while; what is not bought by then is offered to the next. A round asks the
waiting lists for their most eager, chooses the most eager of all, and has them told; as long as pieces are free and
somebody may be told, another follows.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer.as_json import Json
from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.waves import (
    ENDLESS,
    SHARDS,
    AskWaiters,
    Candidates,
    FromWaiters,
    Presence,
    PriceTurned,
    Released,
    StockTurned,
    TellWaiters,
    Waits,
    is_endless,
    waiters_key,
)
from pipeline.domain.product import holds
from pipeline.domain.product.holds import Hold
from pipeline.domain.product.presence import presence
from pipeline.domain.product.rounds import Round, choose
from pipeline.domain.product.waiter import is_of_few

ASKED_OF_A_LIST = 16
"""Candidates a list names at most: of 64 lists 1,024, 60 kB while a round lasts. Of 100,000 waiting some 400 are
sure to be among the most eager of all, more than one round tells."""


class Waves(Struct, frozen=True, array_like=True, gc=False):
    """`lists` that somebody waits in (a bit each), `pieces` by size ("": has none), what of them is kept (`holds`).

    `since`: since when each size is there, `whole_ms` any; 0 where the first word of stock found it there. `told`:
    offers made since then, because of `cause`. `sent` numbers what is sent to the lists. `low_at`: see `Hearing`.

    `there`: of which sizes there are any ("": at all), and of which none, as of `changed_ms`; `known`: lists that are
    to know, `priced`: lists that wait for a price (a bit each). `offered`: lists that offers went to since nothing was
    kept; who gave up waiting may have emptied one meanwhile. `gone`: by size, what was `sent` when the last piece went;
    of no offer before is one kept.

    `holds` end at full minutes: with a window of half an hour there are 31 a size.
    """

    lists: int = 0
    pieces: dict[str, int] = {}
    since: dict[str, int] = {}
    whole_ms: int = 0
    holds: tuple[Hold, ...] = ()
    told: int = 0
    cause: str = ""
    sent: int = 0
    round: Round | None = None
    low_at: int = 0
    there: dict[str, bool] = {}
    changed_ms: int = 0
    known: int = 0
    offered: int = 0
    gone: dict[str, int] = {}
    priced: int = 0

    def wakes_at(self) -> int | None:
        """Return when the next piece is kept no longer."""
        return self.holds[0].until_ms if self.holds else None

    def kept(self, size: str) -> int:
        """Return how many pieces are kept."""
        return holds.kept(self.holds, size)

    def free(self) -> dict[str, int]:
        """Return the pieces nobody has been told of, by size."""
        free = {size: pieces - self.kept(size) for size, pieces in self.pieces.items()}
        return {size: pieces for size, pieces in sorted(free.items()) if pieces > 0}

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about those who wait for it."""
        kept = {size: self.kept(size) for size in sorted({hold.size for hold in self.holds})}
        return {"kept": kept}


class Wave:
    """A product's waves while one message, or the clock, changes them; `effects` is what that causes."""

    def __init__(self, tenant: str, sku: str, waves: Waves | None) -> None:
        """Begin with what is known."""
        self.tenant, self.sku = tenant, sku
        self.waves = waves or Waves()
        self.effects: list[Effect] = []

    # --- what products are told ---

    def on_availability(
        self, before: Mapping[str, int] | None, now: Mapping[str, int] | None, at_ms: int, cause: str
    ) -> None:
        """Take in how many pieces there are by size; a size left out has none. None: that is, or was, not known.

        Where they are endless, so they are in every size that was there, and in that of whoever wants another ("").
        """
        waves, came_ms = self.waves, 0 if before is None else at_ms
        before, after = before or {}, now or {}
        if is_endless(before):
            before = {**dict.fromkeys(after, ENDLESS), **waves.pieces}
        if is_endless(after):
            after = dict.fromkeys({*waves.pieces, *after}, ENDLESS)
        was_there = any(pieces > 0 for pieces in before.values())
        is_there = any(pieces > 0 for pieces in after.values())
        since = {
            size: waves.since.get(size, waves.since.get("", 0)) if before.get(size, 0) > 0 else came_ms
            for size, pieces in sorted(after.items())
            if pieces > 0
        }
        came = any(before.get(size, 0) <= 0 for size in since)
        still = holds.after_change(waves.holds, before, after)
        sold_out = {hold.size: waves.sent for hold in waves.holds if after.get(hold.size, 0) <= 0}
        self.waves = replace(
            waves,
            pieces=dict(sorted(after.items())),
            since=since,
            whole_ms=0 if not is_there else waves.whole_ms if was_there else came_ms,
            holds=still,
            offered=waves.offered if still else 0,
            gone=waves.gone | sold_out if sold_out else waves.gone,
            told=0 if came else waves.told,
            cause=cause if came or sold_out else waves.cause,
        )
        if _matters(waves, before, after):
            number, old = self._number(), dict(sorted(before.items()))
            for shard in _bits(waves.lists | waves.offered):
                pieces = self.waves.pieces
                self._send(StockTurned(self.tenant, self.sku, shard, number, at_ms, cause, pieces, old))
        self._let_know(now, at_ms, cause)
        self._ask_if_freed(waves, at_ms)

    def on_price(self, before_minor: int | None, now_minor: int, currency: str | None, at_ms: int, cause: str) -> None:
        """Tell who waits for it of a price, be it lower or higher: a word held back may have become untrue.

        `before_minor` is the price before in the same currency, None where there was none.
        """
        lists = self.waves.priced
        number = self._number() if lists else 0
        for shard in _bits(lists):
            turned = PriceTurned(self.tenant, self.sku, shard, number, at_ms, cause, now_minor, before_minor, currency)
            self._send(turned)

    def _let_know(self, pieces: Mapping[str, int] | None, at_ms: int, cause: str) -> None:
        """Tell lists that are to know of what has gone, or come back."""
        there = presence(self.waves.there, pieces)
        if there != self.waves.there:
            changed_ms = max(at_ms, self.waves.changed_ms + 1)  # of two changes at once the later must seem so
            self.waves = replace(self.waves, there=there, changed_ms=changed_ms)
            self._present(self.waves.known, cause)

    def _present(self, lists: int, cause: str) -> None:
        """Say what is so, always as of when it came to be so: whoever asks meanwhile must not make it seem newer."""
        number = self._number() if lists else 0
        there, changed_ms = self.waves.there, self.waves.changed_ms
        for shard in _bits(lists):
            self._send(Presence(self.tenant, self.sku, shard, number, changed_ms, cause, there))

    # --- what waiting lists say ---

    def take(self, message: FromWaiters) -> None:
        """Take in one message of a waiting list."""
        match message:
            case Waits():
                self._waits(message)
            case Candidates():
                self._named(message)
            case Released():
                self._released(message)

    def lapse(self, due_ms: int, at_ms: int) -> None:
        """Offer anew, at `at_ms`, what was kept until `due_ms`."""
        self.waves = replace(self.waves, holds=tuple(hold for hold in self.waves.holds if hold.until_ms > due_ms))
        self._ask(self.waves.lists, at_ms)

    def _waits(self, waits: Waits) -> None:
        waves, bit = self.waves, 1 << waits.shard
        lists = waves.lists | bit if waits.waits else waves.lists & ~bit
        low_at = max(waves.low_at, waits.low_at)
        known = (waves.known | bit if waits.asks else waves.known) & lists
        priced = (waves.priced | bit if waits.prices else waves.priced) & lists
        if (lists, low_at, known, priced) != (waves.lists, waves.low_at, waves.known, waves.priced):
            self.waves = replace(waves, lists=lists, low_at=low_at, known=known, priced=priced)
        if waits.asks and waves.there:
            self._present(bit, waits.cause)
        if waits.waits:
            self._ask(bit, waits.at_ms)

    def _released(self, released: Released) -> None:
        waves = self.waves
        if released.number <= waves.gone.get(released.size, -1):
            return
        over = waves.kept(released.size) > waves.pieces.get(released.size, 0)
        self.waves = replace(waves, holds=holds.after_release(waves.holds, released, over=over))
        self._ask_if_freed(waves, released.at_ms)

    # --- a round ---

    def _ask_if_freed(self, before: Waves, at_ms: int) -> None:
        """Begin a round if there are free pieces where there were none; who might take others has been asked.

        Or is being asked: the lists name no more than there were pieces, so that with more they are asked again. Or was
        to be told later of a piece that is gone.
        """
        was, now = before.free(), self.waves.free()
        more = self.waves.round is not None and any(pieces > was.get(size, 0) for size, pieces in now.items())
        if more or now.keys() - was.keys() or self.waves.gone is not before.gone:
            self._ask(self.waves.lists, at_ms)

    def _ask(self, lists: int, at_ms: int) -> None:
        """Begin a round, if there is something to tell somebody of."""
        waves = self.waves
        if waves.round is not None:
            if lists & ~waves.round.again:
                self.waves = replace(waves, round=replace(waves.round, again=waves.round.again | lists))
            return
        free = waves.free()
        if not free or not lists:
            return
        since = {size: waves.since.get(size, 0) for size in free}
        most = min(sum(free.values()), ASKED_OF_A_LIST)
        number = self._number()
        for shard in _bits(lists):
            self._send(AskWaiters(self.tenant, self.sku, shard, number, at_ms, free, since, waves.whole_ms, most))
        self.waves = replace(self.waves, round=Round(number, lists))

    def _named(self, answer: Candidates) -> None:
        """Note what a list says; when all have answered, have the most eager told."""
        this = self.waves.round
        bit = 1 << answer.shard
        if this is None or answer.number != this.number or not this.awaited & bit:
            return
        this = replace(
            this,
            awaited=this.awaited & ~bit,
            named=(*this.named, *((answer.shard, candidate) for candidate in answer.candidates)),
            more=this.more | (bit if answer.more else 0),
        )
        self.waves = replace(self.waves, round=this)
        if this.awaited:
            return
        offers, left = choose(this, self.waves.free(), self.waves.told, answer.at_ms)
        told = [offer for each in offers.values() for offer in each]
        kept = self.waves.holds
        for offer in told:
            kept = holds.with_one(kept, offer.until_ms, offer.size)
        self.waves = replace(self.waves, round=None, holds=kept, told=self.waves.told + len(told))
        number = self._number()
        for shard, of_list in sorted(offers.items()):
            pieces, cause = self.waves.pieces, self.waves.cause
            tell = TellWaiters(self.tenant, self.sku, shard, number, answer.at_ms, cause, pieces, tuple(of_list))
            self._send(tell)
            self.waves = replace(self.waves, offered=self.waves.offered | 1 << shard)
        self._ask(this.again | left, answer.at_ms)

    # --- what is sent ---

    def _number(self) -> int:
        self.waves = replace(self.waves, sent=self.waves.sent + 1)
        return self.waves.sent

    def _send(self, message: AskWaiters | TellWaiters | StockTurned | PriceTurned | Presence) -> None:
        self.effects.append(Send("product", waiters_key(self.tenant, self.sku, message.shard), message))


def _matters(waves: Waves, before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether somebody may have to hear that there are more or fewer: kept ones are gone, or few are left, or were."""
    if any(after.get(size, 0) <= 0 and waves.kept(size) for size in before):
        return True
    sizes = ((before.get(size, 0), after.get(size, 0)) for size in before.keys() | after.keys())
    every = (sum(before.values()), sum(after.values()))  # for who takes any size
    return any(is_of_few(was, now, waves.low_at) for was, now in (*sizes, every))


def _bits(lists: int) -> list[int]:
    return [shard for shard in range(SHARDS) if lists >> shard & 1]
