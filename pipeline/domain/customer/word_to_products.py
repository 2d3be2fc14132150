"""What a customer wants of products, and how the products hear of it: at once, whenever it changes.

Only as far as the rules want to hear of it (`Hearing`): where none does, nothing is looked at and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.heard import NOTHING as NOTHING_HEARD
from pipeline.domain.customer.heard import Heard
from pipeline.domain.customer.wants import Wanting, own_size, wants_of
from pipeline.domain.facets import NO_FACETS, Facets
from pipeline.domain.facets.interests import Interests
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.waves import (
    BOUGHT,
    JOINED,
    NOTHING,
    NOTHING_WANTED,
    WANT_NAMES,
    Hearing,
    Interest,
    Want,
    Wanted,
    shard_of,
    waiters_key,
)

SAID_AT_ONCE = 200
"""Products told by one message. More than 200 come of robots, and of merges with them; what stays unsaid is counted. A
product not told that it is wanted no more hears of it when it offers a piece."""

_NO_INTERESTS = Interests()
_NO_CART = Cart()


class Known(NamedTuple):
    """What was known before."""

    carts: Mapping[str, Cart]
    owned: Mapping[str, int]
    facets: Facets
    heard: Heard


_NOBODY = Known({}, {}, NO_FACETS, NOTHING_HEARD)


class _Said(NamedTuple):
    """What a product hears of a customer, but for who and when."""

    wants: tuple[tuple[str, int], ...] = ()
    wanted: Wanted = NOTHING_WANTED


_NO_WORD = _Said()


def say(draft: Draft, before: Wanting, hearing: Hearing, event_id: str, at_ms: int) -> None:
    """Tell products what has changed since `before`; all of them, if the rules have come to want to hear other things.

    `at_ms` is the time of the clock.
    """
    if hearing == draft.hears:
        if hearing == NOTHING:
            return
        skus = _touched(before, draft, hearing)
    else:
        skus = _all(before) | _all(draft)
    _say(draft, skus, (before, draft.hears), (draft, hearing), event_id, at_ms)
    draft.hears = hearing
    if skus:
        forget_untold(draft)


def say_anew(draft: Draft, hearing: Hearing, event_id: str, at_ms: int) -> None:
    """Tell products what a customer wants who lives again: nothing they said before holds."""
    _say(draft, _all(draft), (_NOBODY, NOTHING), (draft, hearing), event_id, at_ms)
    draft.hears = hearing
    forget_untold(draft)


def hears_all(customer: Draft, sku: str) -> bool:
    """Whether a product tells a customer whenever there is any, or none: only then what it told last holds on."""
    by = customer.hears.known
    return bool(by and wants_of(customer, sku, by).since)


def forget_untold(draft: Draft) -> None:
    """Forget the stock of products that tell no more of it: what is gone may be back, unheard."""
    if draft.heard.stock:
        draft.heard = draft.heard.of({sku for sku in draft.heard.stock if hears_all(draft, sku)})


def take_back(draft: Draft, event_id: str, at_ms: int) -> None:
    """Tell products that a customer wants nothing any more, for they have become part of another.

    That one goes on with a piece they were told of. One they were to be told of later is given back, for it is offered
    to that one anew: who is told that it is gone must be known to whoever keeps it.
    """
    skus, held = _all(draft), {held.proposal.about for held in draft.held if held.proposal.keeps_a_piece}
    before, after, joined = (draft, draft.hears), (_NOBODY, NOTHING), ((JOINED, at_ms),)
    _say(draft, skus - held, before, after, event_id, at_ms, joined)
    _say(draft, skus & held, before, after, event_id, at_ms)


def say_if_none(draft: Draft, sku: str, event_id: str, at_ms: int) -> bool:
    """Tell a product that has not heard it yet that a customer waits for no piece of it; return whether that is so."""
    said = _said(draft, sku, draft.hears)
    if said.wanted.rank:
        return False
    draft.effects.append(_word(draft, sku, said, event_id, at_ms))
    return True


def _say(
    draft: Draft,
    skus: Iterable[str],
    before: tuple[Wanting, Hearing],
    after: tuple[Wanting, Hearing],
    event_id: str,
    at_ms: int,
    gone: tuple[tuple[str, int], ...] = (),
) -> None:
    """Tell products what is other than before; of what is wanted no more `gone` says why, unless it was bought."""
    said = 0
    for sku in sorted(skus):
        was, now = _said(before[0], sku, before[1]), _said(after[0], sku, after[1])
        if was == now:
            continue
        if said == SAID_AT_ONCE:
            draft.evicted("interests_said")
            continue
        said += 1
        draft.effects.append(_word(draft, sku, now, event_id, at_ms, was.wanted.since_ms, gone))


def _word(
    draft: Draft,
    sku: str,
    said: _Said,
    event_id: str,
    at_ms: int,
    since_ms: int = 0,
    gone: tuple[tuple[str, int], ...] = (),
) -> Send:
    """Return the word to a product; who had waited for it since `since_ms` and bought it since says so."""
    bought_ms = draft.owned.get(sku, -1)
    why_none = ((BOUGHT, bought_ms),) if bought_ms >= since_ms else gone
    interest = Interest(
        draft.tenant,
        sku,
        draft.customer_id,
        event_id,
        said_at(draft, at_ms),
        said.wants or why_none,
        said.wanted,
    )
    return Send("product", waiters_key(draft.tenant, sku, shard_of(draft.customer_id)), interest)


def said_at(draft: Draft, at_ms: int) -> int:
    """Return the time of a word, never before an earlier one of this customer: the later holds."""
    return max(at_ms, draft.last_received_at_ms or 0)


def _said(customer: Wanting, sku: str, hearing: Hearing) -> _Said:
    waits = hearing.stock | hearing.price | (Want.CART if hearing.low_at else 0)
    wants = wants_of(customer, sku, waits | hearing.known)
    if not wants.since:
        return _NO_WORD
    # Who is only to know says so once, not again with each change of the cart.
    names = tuple((WANT_NAMES[want], since_ms) for want, since_ms in sorted(wants.since.items()) if want & waits)
    rank = max((want for want in wants.since if want & hearing.stock), default=None)
    low_at = hearing.low_at if Want.CART in wants.since else 0
    known = any(want & hearing.known for want in wants.since)
    wanted = Wanted(
        wants.size(hearing.stock),
        rank or 0,
        0 if rank is None else wants.since[rank],
        wants.asked_ms(hearing.stock),
        any(want & hearing.price for want in wants.since),
        low_at,
        hearing.hold_ms if rank is not None else 0,
        known,
        own_size(customer, sku) if low_at or known else None,
    )
    return _Said(names, wanted)


def _all(customer: Wanting) -> set[str]:
    """Return every product a customer may want."""
    interests = customer.facets.interests or _NO_INTERESTS
    skus = {sku for cart in customer.carts.values() for sku in cart.lines}
    return skus.union(interests.wishes, interests.alerts, interests.views, customer.owned, _going_with(customer))


def _touched(before: Wanting, after: Wanting, hearing: Hearing) -> set[str]:
    """Return the products of which anything has changed; nearly always none, which costs a few comparisons."""
    skus: set[str] = set()
    if before.carts is not after.carts:
        for cart_id in before.carts.keys() | after.carts.keys():
            was, now = before.carts.get(cart_id, _NO_CART), after.carts.get(cart_id, _NO_CART)
            skus.update(_differing(was.lines, now.lines))
    if before.owned is not after.owned:
        skus.update(_differing(before.owned, after.owned))
    was_wanted = before.facets.interests or _NO_INTERESTS
    now_wanted = after.facets.interests or _NO_INTERESTS
    if was_wanted is not now_wanted:
        skus.update(_differing(was_wanted.wishes, now_wanted.wishes), _differing(was_wanted.alerts, now_wanted.alerts))
        if (hearing.stock | hearing.known) & Want.VIEWED:
            skus.update(_differing(was_wanted.views, now_wanted.views))
    if hearing.known & Want.GOES_WITH and (before.heard is not after.heard or before.owned is not after.owned):
        skus.update(_going_with(before), _going_with(after))
    return skus


def _going_with(customer: Wanting) -> set[str]:
    """Return what goes with what was bought."""
    answers = customer.heard.answers.items()
    return {each.sku for sku, answer in answers if sku in customer.owned for each in answer.complements}


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    if before is after:
        return set()
    return {sku for sku in before.keys() | after.keys() if before.get(sku) is not after.get(sku)}
