"""The referral: a friend came, and both get something."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.event_types import REFERRAL
from pipeline.domain.facets.loyalty import Referral as Told
from pipeline.domain.reasons import DropReason
from pipeline.domain.referral_codes import is_word_to_sender, referral_code
from pipeline.domain.time import DAY_MS, MINUTE_MS
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait
from pipeline.domain.triggers.steps import Change, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView

PATIENCE_MS = 7 * DAY_MS
"""How long a friend's use waits for word of who had sent the code: an app may have been offline for a holiday."""

_USED = "A friend has used the code"


class Config(kind.Config, frozen=True):
    """No parameters: the offer says what both get."""


class Referral(kind.Kind):
    """Fires when a referral code was redeemed: for the friend who used it, and for the customer who had sent it.

    Unless the code is the customer's own. At most once per code for a friend, and once per friend for the sender, who
    is rewarded too when we hear only later that the code was theirs.
    """

    config_type = Config
    events = frozenset({"referral_redeemed"})

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Reward the side this customer is on."""
        code = referral_code(change.event)
        if code is None:
            return ()
        if is_word_to_sender(change.event):
            if _told(customer, code).used_at_ms == change.at_ms:
                return ()
            if not _is_somebody(customer):
                return (wait(change.event.event_id, change.at_ms + MINUTE_MS, change, note=code),)
            # Each friend is a subject of their own: of one held over night the reward of the next takes nothing away.
            return (at_once(change, _USED, subject=change.event.event_id, context={"code": code, "role": "sender"}),)
        before = customer.facets_before.loyalty
        used = before is not None and before.referrals.get(code, Told()).used_at_ms
        if used or code in customer.identifiers.get(REFERRAL, {}):
            return ()
        context = {"code": code, "role": "friend"}
        return (at_once(change, "The code of a friend was used", subject=code, context=context),)

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Look whether it is known by now who had sent the code; if not, again after as long a time."""
        code = timer.note
        if _is_somebody(customer) and _told(customer, code).used_at_ms != timer.since_ms:
            return (in_time(timer, _USED, context={"code": code, "role": "sender"}),)
        waited_ms = timer.due_at_ms - timer.since_ms
        if _is_somebody(customer) or not 0 < waited_ms < PATIENCE_MS:
            return (not_any_more(timer, DropReason.NOT_SO),)
        return (WakeAt(timer.subject, timer.due_at_ms + waited_ms, timer.since_ms, by_event=True, note=code),)


def _is_somebody(customer: CustomerView) -> bool:
    """Whether more is known of a customer than a code that somebody has used."""
    return any(links for kind, links in customer.identifiers.items() if kind != REFERRAL)


def _told(customer: CustomerView, code: str) -> Told:
    loyalty = customer.facets.loyalty
    return Told() if loyalty is None else loyalty.referrals.get(code, Told())
