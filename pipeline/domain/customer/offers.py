"""A product has offered a customer a piece, and keeps it: what the product hears of a word that did not go out.

Or goes out later: then the piece is kept until then, and the word says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.word_to_products import said_at, say_if_none
from pipeline.domain.messages.effects import Effect, Publish, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import Passed, Released, full_minute, shard_of, waiters_key
from pipeline.domain.records import Decision
from pipeline.domain.time import rfc3339
from pipeline.domain.triggers.steps import KEPT_UNTIL, Held


def answer_offer(draft: Draft, news: ProductNews, decided: Iterable[Effect], at_ms: int) -> None:
    """Tell the product that offered a piece if its word did not go out, or goes out later; `decided` came of it."""
    if news.kept_until_ms is None:
        return
    outcomes = {
        effect.record.outcome
        for effect in decided
        if isinstance(effect, Publish) and isinstance(effect.record, Decision)
    }
    if "fired" in outcomes:
        return
    until_ms = _kept_on(draft, news.sku, news.event_id, news.kept_until_ms - news.occurred_at_ms)
    if not until_ms and say_if_none(draft, news.sku, news.event_id, at_ms):
        return
    _pass(draft, news.sku, news.occurred_at_ms, at_ms, until_ms)


def give_back(news: ProductNews) -> Send:
    """Return the word to a product whose offer came when its customer had become part of another.

    The list thinks that the other was told, and will offer them the next piece as who they are now.
    """
    shard, size, until_ms = shard_of(news.customer_id), news.size or "", news.kept_until_ms or 0
    released = Released(news.tenant, news.sku, shard, news.occurred_at_ms, size, until_ms, number=news.round)
    return Send("product", product_key(news.tenant, news.sku), released)


def answer_offers_held(draft: Draft, released: Iterable[Held], at_ms: int) -> None:
    """Tell products of offers that had waited, were decided just now and did not go out, as in `answer_offer`."""
    for held in released:
        offer = held.proposal
        sku, cause = offer.about, offer.caused_by
        if not offer.keeps_a_piece or any((each.about, each.caused_by) == (sku, cause) for each in draft.fired):
            continue
        until_ms = _kept_on(draft, sku, cause, draft.hears.hold_ms)
        _pass(draft, sku, offer.due_at_ms, at_ms, until_ms)


def _kept_on(draft: Draft, sku: str, cause: str, window_ms: int) -> int:
    """Return until when a piece is kept for what waits of an offer, and let that say so; 0 where nothing waits."""
    waiting = [held for held in draft.held if _is_of(held, sku, cause)]
    if not waiting:
        return 0
    until_ms = full_minute(max(held.release_at_ms for held in waiting) + window_ms)
    draft.held = tuple(_until(held, until_ms) if _is_of(held, sku, cause) else held for held in draft.held)
    return until_ms


def _is_of(held: Held, sku: str, cause: str) -> bool:
    return (held.proposal.about, held.proposal.caused_by) == (sku, cause)


def _until(held: Held, until_ms: int) -> Held:
    """Say another time wherever an offer says until when the piece is kept."""
    offer = held.proposal
    said, until = offer.context.get(KEPT_UNTIL), rfc3339(until_ms)
    if said is None:
        return held
    context, reason = {**offer.context, KEPT_UNTIL: until}, offer.reason.replace(str(said), until)
    return replace(held, proposal=replace(offer, context=context, reason=reason))


def _pass(draft: Draft, sku: str, told_ms: int, at_ms: int, until_ms: int) -> None:
    passed = Passed(draft.tenant, sku, draft.customer_id, told_ms, said_at(draft, at_ms), until_ms)
    draft.effects.append(Send("product", waiters_key(draft.tenant, sku, shard_of(draft.customer_id)), passed))
