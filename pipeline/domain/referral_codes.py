"""Referral codes: an identifier of whoever sent them, typed by friends in any letters."""

from __future__ import annotations

from pipeline.domain.events import ChannelEvent

_CHARACTERS_KEPT = 256


def code_form(text: str) -> str:
    """Return a code as it is compared: people type it with capitals or without.

    >>> code_form(" ann-1 ")
    'ANN-1'
    """
    return text.strip().upper()[:_CHARACTERS_KEPT]


def referral_code(event: ChannelEvent) -> str | None:
    """Return the code that a referral event is about."""
    for name in ("code", "referral_code"):
        value = event.properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and (code := code_form(str(value))):
            return code
    return None


def is_word_to_sender(event: ChannelEvent) -> bool:
    """Whether the event only tells the sender of a referral that a friend has used it: nobody was seen."""
    return event.event_type == "referral_redeemed" and event.properties.get("by_friend") is True
