"""What a customer allows: consent by channel and by purpose, subscriptions, addresses that must not be written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Self, TypeAlias

from msgspec import Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json, newest, text_of
from pipeline.domain.time import rfc3339

CONSENTS_KEPT = 32
"""Channels and purposes: some fifteen of each are known. A grant goes before a denial, then the one told longest ago:
what is forgotten of a permission must not turn into one."""

SUPPRESSED_KEPT = 16
"""Addresses that bounced or complained. The one longest ago goes first."""

SUBSCRIPTIONS_KEPT = 32
"""Newsletters and lists. What goes first: as with consents."""

DELIVERED_KEPT = 8
"""Addresses that a message reached, to know a bounce told late from a new one: an account has five e-mail addresses
at most by default. The one longest ago goes first."""

NAME_KEPT = 64
"""Characters of the name of a channel, a purpose or a list."""

ANY_PURPOSE = "marketing"
"""What `consent_granted` and `consent_denied` are about where they name neither channel nor purpose."""

MESSAGES = frozenset({"email", "sms", "push"})
"""Channels whose messages are unsubscribed from in the channel itself; told in any other, e-mail is meant."""

SOFT_BOUNCES = frozenset({"soft", "transient"})
"""Words of mail services for what may arrive next time (Amazon SES: Permanent, Transient, Undetermined)."""

REACHED = frozenset({"email_delivered", "email_opened", "email_link_clicked"})

ABOUT_AN_ADDRESS = REACHED | {"email_bounced", "email_marked_as_spam"}

TYPES = ABOUT_AN_ADDRESS | {"consent_granted", "consent_denied", "subscribed", "unsubscribed"}
"""Event types that say something of permissions by themselves; any may carry `consent`."""


class Consent(Struct, frozen=True, array_like=True, gc=False):
    """Granted or denied, when, and in which channel. Of the same instant, denied wins."""

    granted: bool
    at_ms: int
    channel: str = ""


Rank: TypeAlias = Callable[[Consent], tuple[int, int, str]]


class Permissions(Struct, frozen=True, array_like=True, gc=False):
    """What is allowed.

    `consents` maps a channel (`email`), a purpose (`marketing`) or both (`email:marketing`) to the latest word.
    `subscriptions` maps the name of a list to the same. `suppressed` maps "channel:address", the address as it links,
    to why (`bounced`, `spam`) and since when (ms). `delivered` maps the same names to when a message last arrived (ms):
    it lifts an earlier bounce, never a complaint.
    """

    EVENTS: ClassVar[frozenset[str] | None] = None

    consents: dict[str, Consent] = {}
    subscriptions: dict[str, Consent] = {}
    suppressed: dict[str, tuple[str, int]] = {}
    delivered: dict[str, int] = {}

    def word(self, name: str) -> bool | None:
        """Return what the customer said of a channel or purpose last; None if nothing."""
        found = self.consents.get(name)
        return None if found is None else found.granted

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Take over the event's consent, and what messages' events say of their addresses."""
        consent, event_type = event.consent, event.event_type
        if not consent and event_type not in TYPES:
            return self
        said: dict[str, bool] = {}

        def say(name: str, granted: bool) -> None:
            name = _tidy(name)
            said[name] = granted and said.get(name, True)

        for name, granted in (consent or {}).items():
            say(name, granted)
        lists: dict[str, bool] = {}
        suppressed: dict[str, tuple[str, int]] = {}
        delivered: dict[str, int] = {}
        email = event.identifiers.get("email")
        address = f"email:{email}" if email else None
        if event_type in REACHED:
            if address is not None:
                delivered[address] = at_ms
        elif event_type == "email_bounced":
            if address is not None and (text_of(event, "type", "bounce_type") or "").lower() not in SOFT_BOUNCES:
                suppressed[address] = ("bounced", at_ms)
        elif event_type == "email_marked_as_spam":
            said["email"] = False
            if address is not None:
                suppressed[address] = ("spam", at_ms)
        elif event_type in ("subscribed", "unsubscribed"):
            newsletter = text_of(event, "list", "list_id")
            if newsletter is not None:
                lists[newsletter.strip()[:NAME_KEPT]] = event_type == "subscribed"
            else:
                channel = text_of(event, "channel") or (event.channel if event.channel in MESSAGES else "email")
                say(channel, event_type == "subscribed")
        elif event_type in ("consent_granted", "consent_denied"):
            named = [part for part in (text_of(event, "channel"), text_of(event, "purpose")) if part is not None]
            if named or not said:  # the event's own map has said what it is about
                say(":".join(named) or ANY_PURPOSE, event_type == "consent_granted")

        def told(words: dict[str, bool]) -> dict[str, Consent]:
            return {name: Consent(granted, at_ms, event.channel) for name, granted in words.items()}

        news = type(self)(told(said), told(lists), suppressed, delivered)
        after = self._with(news, _later)
        return self if after == self else after

    def united(self, other: Self) -> Self:
        """Deny on either side wins until a newer explicit grant (B7).

        A grant that either had before they were one does not lift it, be it the later word: it may have been another
        person's. One learnt by both together does, if it is newer than the denial.
        """
        return self._with(other, _safer)

    def _with(self, other: Self, rank: Rank) -> Self:
        suppressed, delivered = self.suppressed, self.delivered
        if other.suppressed or other.delivered:
            delivered = dict(delivered)
            for address, at_ms in other.delivered.items():
                delivered[address] = max(at_ms, delivered.get(address, at_ms))
            both = dict(suppressed)
            for address, found in other.suppressed.items():
                both[address] = max(found, both.get(address, found))  # "spam" is greater than "bounced"
            still = {
                address: (why, since_ms)
                for address, (why, since_ms) in sorted(both.items())
                if why == "spam" or since_ms >= delivered.get(address, since_ms)
            }
            suppressed = newest(still, SUPPRESSED_KEPT, lambda entry: entry[1])
            delivered = newest(dict(sorted(delivered.items())), DELIVERED_KEPT, lambda at_ms: at_ms)
        return type(self)(
            _united(self.consents, other.consents, rank, CONSENTS_KEPT),
            _united(self.subscriptions, other.subscriptions, rank, SUBSCRIPTIONS_KEPT),
            suppressed,
            delivered,
        )

    def json(self) -> Json:
        """Return consents, subscriptions and suppressed addresses."""
        return {
            "consents": _consents_json(self.consents),
            "subscriptions": _consents_json(self.subscriptions),
            "suppressed": {
                address: {"reason": why, "since": rfc3339(since_ms)}
                for address, (why, since_ms) in sorted(self.suppressed.items())
            },
        }


def _later(word: Consent) -> tuple[int, int, str]:
    return word.at_ms, not word.granted, word.channel


def _safer(word: Consent) -> tuple[int, int, str]:
    return not word.granted, word.at_ms, word.channel


def _united(a: dict[str, Consent], b: Mapping[str, Consent], rank: Rank, most: int) -> dict[str, Consent]:
    if not b:
        return a
    both = dict(a)
    for name, word in b.items():
        known = both.get(name)
        if known is None or rank(word) > rank(known):
            both[name] = word
    kept = sorted(both.items())
    if len(kept) > most:
        kept = sorted(sorted(kept, key=lambda entry: (_safer(entry[1]), entry[0]))[-most:])
    return dict(kept)


def _tidy(name: str) -> str:
    return name.strip().lower()[:NAME_KEPT]


def _consents_json(consents: Mapping[str, Consent]) -> Json:
    return {
        name: {"at": rfc3339(word.at_ms), "channel": word.channel, "granted": word.granted}
        for name, word in sorted(consents.items())
    }
