"""Stored-value cards: what is on them (S10)."""

from __future__ import annotations

from typing import ClassVar, Self

from msgspec import Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest, text_of, whole_number_of
from pipeline.domain.facets.ledger import Ledger
from pipeline.domain.time import rfc3339

CARDS_KEPT = 8
"""Cards per customer. The one used longest ago goes first."""


class Card(Struct, frozen=True, array_like=True, gc=False):
    """One card: its ledger in minor units of `currency` ("" where none is told)."""

    ledger: Ledger
    currency: str = ""


class Cards(Struct, frozen=True, array_like=True, gc=False):
    """`cards` by card id ("" where none is told)."""

    EVENTS: ClassVar[frozenset[str] | None] = frozenset({"card_topped_up", "card_charged"})

    cards: dict[str, Card] = {}

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Put on or take off; a property `balance_minor` tells the balance after it."""
        ledger = Ledger()
        if event.amount_minor:
            amount = abs(event.amount_minor)
            ledger = ledger.moved(amount if event.event_type == "card_topped_up" else -amount, at_ms)
        balance = whole_number_of(event, "balance_minor")
        if balance is not None:
            ledger = ledger.was_told(balance, at_ms)
        if ledger == Ledger():
            return self
        card_id = text_of(event, "card_id") or ""
        return self.united(type(self)({card_id: Card(ledger, event.currency or "")}))

    def united(self, other: Self) -> Self:
        """All cards; of one id all movements, and the balance told later."""
        cards = dict(self.cards)
        for card_id, theirs in other.cards.items():
            ours = cards.get(card_id)
            if ours is not None:
                theirs = Card(ours.ledger.united(theirs.ledger), max(ours.currency, theirs.currency))
            cards[card_id] = theirs
        return type(self)(newest(dict(sorted(cards.items())), CARDS_KEPT, lambda card: card.ledger.last_at_ms))

    def json(self) -> Json:
        """Return the balance of each card."""
        return {
            card_id: {
                "balance_minor": card.ledger.balance,
                "currency": card.currency or None,
                "last_at": rfc3339(card.ledger.last_at_ms),
            }
            for card_id, card in sorted(self.cards.items())
        }
