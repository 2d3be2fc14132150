"""The low balance: a stored-value card is running empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.events import Scalar
from pipeline.domain.facets.cards import Card
from pipeline.domain.money import Currency, money_text
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait
from pipeline.domain.triggers.steps import Cancel, Change, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`below_minor`: the balance, in minor units of `currency`; `delay_ms`: time to top it up by oneself.

    A card in another currency is not meant; one told without any is taken to be in this.
    """

    below_minor: Annotated[int, Meta(ge=1)] = 500
    currency: Currency = "EUR"
    delay_ms: Annotated[int, Meta(ge=0)] = 0


class LowBalance(kind.Kind):
    """Fires when a payment takes the balance of a card below `below`, `delay` after it.

    Unless it was topped up before, or the balance is not known: below nothing. At most once each time it falls.
    """

    config_type = Config
    events = frozenset({"card_charged", "card_topped_up"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Compare each card's balance with what it was before the event."""
        now, before = customer.facets.cards, customer.facets_before.cards
        if now is None or now is before:
            return ()
        steps: list[Step] = []
        for card_id, card in sorted(now.cards.items()):
            known = None if before is None else before.cards.get(card_id)
            if card == known:
                continue
            if not self._is_low(card):
                steps.append(Cancel(card_id, DropReason.NOT_SO))
            elif change.event.event_type != "card_charged" or (known is not None and self._is_low(known)):
                continue
            elif self._config.delay_ms:
                steps.append(wait(card_id, change.at_ms + self._config.delay_ms, change))
            else:
                reason, context = _said(card_id, card, self._config.currency)
                steps.append(at_once(change, reason, subject=card_id, context=context))
        return steps

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the word about the card, if it is still low."""
        card = self._low(timer.subject, customer)
        if card is None:
            return (not_any_more(timer, DropReason.NOT_SO),)
        reason, context = _said(timer.subject, card, self._config.currency)
        return (in_time(timer, reason, context=context),)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell of a card that is no longer low."""
        return DropReason.NOT_SO if self._low(proposal.subject, customer) is None else None

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Tell what is left by now."""
        card = self._low(proposal.subject, customer)
        if card is None:
            return proposal
        reason, context = _said(proposal.subject, card, self._config.currency)
        return replace(proposal, reason=reason, context=context)

    def _low(self, card_id: str, customer: CustomerView) -> Card | None:
        """Return the card if it is low."""
        cards = customer.facets.cards
        card = None if cards is None else cards.cards.get(card_id)
        return None if card is None or not self._is_low(card) else card

    def _is_low(self, card: Card) -> bool:
        """Whether a card is low. Less than nothing is on none: then we never heard what there was at first."""
        in_currency = card.currency in ("", self._config.currency)
        return in_currency and 0 <= card.ledger.balance < self._config.below_minor


def _said(card_id: str, card: Card, currency: str) -> tuple[str, dict[str, Scalar]]:
    name = f"Card {card_id}" if card_id else "The card"
    balance_minor = card.ledger.balance
    reason = f"{name} has {money_text(balance_minor, currency)} left"
    return reason, {"card_id": card_id, "balance_minor": balance_minor, "currency": currency}
