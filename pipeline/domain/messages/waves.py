"""What customers tell products they want, and how a product and its waiting lists come to tell them in waves.

A product asks its waiting lists (shards, each a key of its own) for their most eager, chooses, and lets the lists tell
them. Between product and list everything goes in the order it was sent; `number` counts the times a product spoke to
its lists, so that the event clock keeps that order too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias
from zlib import crc32

from msgspec import Struct

from pipeline.domain.time import MINUTE_MS

SHARDS = 64
"""Waiting lists of a product, always as many: only those that somebody waits in exist, or are asked. With 100,000
waiting each has some 1,600 entries, 140 kB, of which one message copies the table and reads all."""


ENDLESS: Final = 1 << 50
"""Pieces of what is sold whatever the stock says, without a size: more than there are of anything that is counted."""


class Want:
    """Why a customer may wait for a product, a bit each; for stock, the greater the more eager."""

    VIEWED: Final = 1
    CART: Final = 2
    WISH: Final = 4
    STOCK_ALERT: Final = 8
    PRICE_ALERT: Final = 16
    GOES_WITH: Final = 32
    OWNED: Final = 64
    ANY: Final = 31


WANT_NAMES = {
    Want.VIEWED: "viewed",
    Want.CART: "cart",
    Want.WISH: "wish",
    Want.STOCK_ALERT: "stock_alert",
    Want.PRICE_ALERT: "price_alert",
}


BOUGHT, JOINED = "bought", "joined"
"""Why a customer wants a product no more: they have it, or have become part of another who goes on wanting it."""


class Hearing(Struct, frozen=True, array_like=True, gc=False):
    """What the rules want to hear of products: whom (`Want`s) of stock and of prices, and of few pieces in a cart.

    `low_at`: of how many pieces or fewer (0: not at all). `hold_ms`: how long a piece is kept for who is told of it.
    `known`: of whom (`Want`s) it is to be known whether there is any, so that nothing sold out is shown to them.
    """

    stock: int = 0
    price: int = 0
    low_at: int = 0
    hold_ms: int = 0
    known: int = 0

    def united(self, other: Hearing) -> Hearing:
        """Return what both together want to hear."""
        return Hearing(
            self.stock | other.stock,
            self.price | other.price,
            max(self.low_at, other.low_at),
            max(self.hold_ms, other.hold_ms),
            self.known | other.known,
        )


NOTHING = Hearing()


class Wanted(Struct, frozen=True, array_like=True, gc=False):
    """What a waiting list is to know of one customer.

    `rank` is the most eager `Want` by which they wait for stock (0: they do not), since `since_ms`; `asked_ms` is the
    latest. `price`: they wait for a price; `low_at`, `hold_ms`: as in `Hearing`. `known`: tell them whether there is
    any. Of stock they wait for `size` (None: any); few pieces, and whether there is any, they hear of in their
    `own_size`.
    """

    size: str | None = None
    rank: int = 0
    since_ms: int = 0
    asked_ms: int = 0
    price: bool = False
    low_at: int = 0
    hold_ms: int = 0
    known: bool = False
    own_size: str | None = None

    def __bool__(self) -> bool:
        return bool(self.rank or self.price or self.low_at or self.known)


NOTHING_WANTED: Final = Wanted()


class Interest(Struct, frozen=True, array_like=True, tag="i", gc=False):
    """What a customer wants of a product as of `at_ms`: all of it; the latest statement of a customer holds.

    `wants` ("stock_alert" | "price_alert" | "wish" | "cart" | "viewed", since when), or one of `BOUGHT`, `JOINED`.
    """

    tenant: str
    sku: str
    customer_id: str
    event_id: str
    at_ms: int
    wants: tuple[tuple[str, int], ...] = ()
    wanted: Wanted = NOTHING_WANTED


class Passed(Struct, frozen=True, array_like=True, tag="wp", gc=False):
    """A customer was offered a piece at `told_ms` and not told, for a rule or the arbiter said no.

    Or is told later: then the piece is kept until `until_ms`.
    """

    tenant: str
    sku: str
    customer_id: str
    told_ms: int
    at_ms: int
    until_ms: int = 0


class _ToAndFro(Struct, frozen=True, array_like=True, gc=False):
    """Between a product and one of its waiting lists: the `number`-th that it has sent, or the answer to that."""

    tenant: str
    sku: str
    shard: int
    number: int
    at_ms: int


class Waits(Struct, frozen=True, array_like=True, tag="ww", gc=False):
    """A waiting list says that somebody waits in it who may be told now, or nobody at all; `low_at` see `Hearing`.

    `asks`: it wants to know whether there is any, from now on (see `Presence`), because of the event `cause`; `prices`:
    it wants to know of prices from now on.
    """

    tenant: str
    sku: str
    shard: int
    at_ms: int
    waits: bool
    low_at: int = 0
    asks: bool = False
    cause: str = ""
    prices: bool = False


class AskWaiters(_ToAndFro, frozen=True, array_like=True, tag="wa", gc=False):
    """Who of the list is the most eager, `most` of them? There are `free` pieces by size, each there since `since`.

    `whole_ms`: since when there is any; 0 in either place: not known, as with the first word of stock.
    """

    free: dict[str, int]
    since: dict[str, int]
    whole_ms: int
    most: int


class Candidate(Struct, frozen=True, array_like=True, gc=False):
    """One who waits: how eagerly and since when, for which size (None: any), and how long a piece is kept for them."""

    customer_id: str
    rank: int
    since_ms: int
    size: str | None
    hold_ms: int


class Candidates(_ToAndFro, frozen=True, array_like=True, tag="wc", gc=False):
    """The answer to `AskWaiters` of that `number`: the most eager first. `more`: there are others."""

    candidates: tuple[Candidate, ...]
    more: bool = False


class Offer(Struct, frozen=True, array_like=True, gc=False):
    """A piece in `size` is kept for a customer until `until_ms`, the `place`-th since it is there."""

    customer_id: str
    size: str
    until_ms: int
    place: int


class TellWaiters(_ToAndFro, frozen=True, array_like=True, tag="wt", gc=False):
    """Tell these of the list that there are `pieces` by size, because of `cause`."""

    cause: str
    pieces: dict[str, int]
    offers: tuple[Offer, ...]


class Released(Struct, frozen=True, array_like=True, tag="wr", gc=False):
    """The piece in `size` kept until `until_ms` is not kept any more: bought, given up, or kept until `to_ms` now.

    It was offered by the `TellWaiters` of that `number`.
    """

    tenant: str
    sku: str
    shard: int
    at_ms: int
    size: str
    until_ms: int
    bought: bool = False
    to_ms: int = 0
    number: int = 0


class StockTurned(_ToAndFro, frozen=True, array_like=True, tag="wf", gc=False):
    """There are more or fewer pieces by size than before: tell for whom that matters, `after` this customer id."""

    cause: str
    pieces: dict[str, int]
    before: dict[str, int]
    after: str = ""


class PriceTurned(_ToAndFro, frozen=True, array_like=True, tag="wm", gc=False):
    """The price has changed: tell those who wait for it, `after` this customer id."""

    cause: str
    now_minor: int
    before_minor: int | None
    currency: str | None
    after: str = ""


class Presence(_ToAndFro, frozen=True, array_like=True, tag="wh", gc=False):
    """Of which sizes there are any ("": at all): who is to know hears of what was not so `before`, `after` this id."""

    cause: str
    there: dict[str, bool]
    before: dict[str, bool] | None = None
    after: str = ""


ToWaiters: TypeAlias = Interest | Passed | AskWaiters | TellWaiters | StockTurned | PriceTurned | Presence
"""To a waiting list."""

FromWaiters: TypeAlias = Waits | Candidates | Released
"""From a waiting list to its product."""

WaveMessage: TypeAlias = ToWaiters | FromWaiters


def is_endless(pieces: Mapping[str, int]) -> bool:
    """Whether as many can be had as are ordered, in whatever size; those kept of them make no difference."""
    return pieces.get("", 0) > ENDLESS // 2


def shard_of(customer_id: str) -> int:
    """Return the waiting list of a customer."""
    return crc32(customer_id.encode()) % SHARDS


def is_list(key: str) -> bool:
    """Whether a key of the product actor is that of a waiting list, not of a product."""
    return key.count("\x1f") > 1


def list_of(message: ToWaiters) -> int:
    """Return the waiting list a message is for."""
    return shard_of(message.customer_id) if isinstance(message, Interest | Passed) else message.shard


def waiters_key(tenant: str, sku: str, shard: int) -> str:
    """Key of a waiting list: beside that of its product, in another partition most likely."""
    return f"{tenant}\x1f{sku}\x1f{shard}"


def full_minute(at_ms: int) -> int:
    """Round a time up to the minute: what is kept for many ends at few times."""
    return -(-at_ms // MINUTE_MS) * MINUTE_MS


def wave_order(message: WaveMessage) -> tuple[int, int, int, str]:
    """By time; of one instant first what customers say, then what lists say, then what the product says, in order."""
    match message:
        case Interest() | Passed():  # of one customer in the order said
            return message.at_ms, 0, 0, message.customer_id
        case Waits() | Candidates() | Released():  # of one list in the order said
            return message.at_ms, 1, message.shard, ""
        case _:
            return message.at_ms, 2, message.number, ""
