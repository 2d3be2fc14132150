"""Audiences: who belongs to one, by events and by time alone, told when it begins and when it ends.

Where the condition finds products to show, a member is told with them, and again when they change (B32).
For ad platforms and sites, so a denial of ads or marketing keeps a customer out, whatever the condition says. No
arbiter, no caps: nothing is sent to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal
from zlib import crc32

from msgspec import Struct, json
from msgspec.structs import replace

from pipeline.domain.conditions.products import shown, shows_in
from pipeline.domain.customer.ad_addresses import addresses
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.messages.effects import Publish
from pipeline.domain.records import AudienceMember, Shown
from pipeline.domain.triggers.membership import MEMBER, Judged, judge
from pipeline.domain.triggers.view import Condition, CustomerView

AUDIENCES_KEPT = 32
"""Audiences a rules file may have: two marks each are half of what a customer remembers of rules (`MARKS_KEPT`)."""

AD_WORDS = ("ads", "marketing", "ads:marketing")
"""Consents that an audience needs: a denial of any wins over a grant of another."""

_PREFIX = "audience:"
"""Before the name of an audience, where rules have their names: no rule's name has a colon."""


class AudienceReason(StrEnum):
    """Why a customer entered an audience, left it, or is told of again."""

    CONDITION = "condition"  # what the audience is about holds now, or no longer does
    CONSENT = "consent"  # the customer denied ads or marketing
    MERGED = "merged"  # the customer became part of another, who is looked at anew
    ADDRESSES = "addresses"  # still a member, with other addresses
    ITEMS = "items"  # still a member, with other products to show
    AUDIENCE_REMOVED = "audience_removed"  # the running rules no longer have the audience


class Audience(Struct, frozen=True):
    """`condition`: who belongs to it; `for_at_least_ms`: how long it must have held (0: at once)."""

    name: str
    condition: Condition
    for_at_least_ms: int = 0


class Audiences:
    """All audiences of a rules file, asked about one customer."""

    def __init__(self, audiences: Sequence[Audience], consent_default: Literal["allow", "deny"]) -> None:
        """`consent_default`: what holds for customers who never said anything."""
        self._audiences = {_PREFIX + each.name: _Judged(each, consent_default) for each in audiences}

    def concern(self, customer: CustomerState | Draft) -> bool:
        """Whether there is anything to look at: audiences, or what a customer was a member of when there were some."""
        if self._audiences:
            return True
        feed = customer.feed
        return feed.judge_at_ms > 0 or (feed.judged_at_ms > 0 and bool(memberships(customer)))

    def look(self, draft: Draft, now_ms: int, cause: str) -> int | None:
        """Tell what has changed as of `now_ms`. Return when time alone may change something."""
        times: list[int] = []
        for name, audience in self._audiences.items():
            judged = judge(name, audience.allowed, audience.for_ms, now_ms, draft)
            self._take(draft, name, judged, now_ms, cause)
            if judged.next_ms is not None:
                times.append(judged.next_ms)
            if audience.shows and draft.mark(name, MEMBER) is not None:
                times += [at_ms for each in audience.shows for at_ms in each.ends(draft) if at_ms > now_ms]
        for name in memberships(draft):
            if name not in self._audiences:
                self._end(draft, name, now_ms, AudienceReason.AUDIENCE_REMOVED, cause)
        return min(times, default=None)

    def readdress(self, draft: Draft, before: CustomerState, now_ms: int, cause: str) -> None:
        """Tell again of memberships that were told with other addresses than the customer has now."""
        names = memberships(before)
        if not names or draft.identifiers is before.identifiers or addresses(draft) == addresses(before):
            return
        for name in names:
            since_ms = draft.mark(name, MEMBER)
            if since_ms is not None:
                items = self._audiences[name].items(draft, now_ms)
                _tell(draft, name, since_ms, now_ms, AudienceReason.ADDRESSES, cause, items)

    def leave_all(self, draft: Draft, now_ms: int, cause: str) -> None:
        """End every membership, because the customer has become part of another."""
        for name in memberships(draft):
            self._end(draft, name, now_ms, AudienceReason.MERGED, cause)

    def _take(self, draft: Draft, name: str, judged: Judged, now_ms: int, cause: str) -> None:
        for mark in judged.marks:
            draft.put_mark(name, mark.subject, mark.at_ms)
        audience, since_ms = self._audiences[name], draft.mark(name, MEMBER)
        items = () if since_ms is None else audience.items(draft, now_ms)
        if judged.entered is not None:
            denied = not judged.entered and not audience.allowed.is_allowed(draft)
            reason = AudienceReason.CONSENT if denied else AudienceReason.CONDITION
            _tell(draft, name, since_ms, now_ms, reason, cause, items)
        elif since_ms is not None and _digest(items) != draft.feed.shown.get(name, 0):
            _tell(draft, name, since_ms, now_ms, AudienceReason.ITEMS, cause, items)

    def _end(self, draft: Draft, name: str, now_ms: int, reason: AudienceReason, cause: str) -> None:
        draft.put_mark(name, MEMBER, None)
        _tell(draft, name, None, now_ms, reason, cause)


class _Judged:
    """An audience as it is looked at. `shows`: what its condition says of products."""

    def __init__(self, audience: Audience, consent_default: Literal["allow", "deny"]) -> None:
        self._condition = audience.condition
        self.allowed = _Allowed(audience.condition, consent_default)
        self.for_ms = audience.for_at_least_ms
        self.shows = tuple(shows_in(audience.condition))

    def items(self, member: Draft, at_ms: int) -> tuple[Shown, ...]:
        """Return the products to show a member."""
        return shown(self._condition, member, at_ms) if self.shows else ()


class _Allowed:
    """A condition that does not hold of somebody who denied ads or marketing. Only an event changes that."""

    def __init__(self, condition: Condition, consent_default: Literal["allow", "deny"]) -> None:
        self._condition, self._default = condition, consent_default == "allow"

    @property
    def text(self) -> str:
        return f"{self._condition.text}, and ads and marketing are not denied"

    def is_allowed(self, customer: CustomerView) -> bool:
        permissions = customer.facets.permissions
        words = [] if permissions is None else [permissions.word(name) for name in AD_WORDS]
        return False not in words and (self._default or True in words)

    def holds(self, customer: CustomerView, at_ms: int) -> bool:
        return self.is_allowed(customer) and self._condition.holds(customer, at_ms)

    def changes_at(self, customer: CustomerView, at_ms: int, *, now: bool) -> int | None:
        is_allowed = now or self.is_allowed(customer)
        return self._condition.changes_at(customer, at_ms, now=now) if is_allowed else None


def is_membership(mark: str) -> bool:
    """Whether a mark says that the customer is a member of an audience: told of that customer, and of no other."""
    return mark.startswith(_PREFIX) and mark.endswith(f"\x1f{MEMBER}")


def memberships(customer: CustomerState | Draft) -> list[str]:
    """Return the names, as marks have them, of the audiences a customer was told to be a member of."""
    return [mark.partition("\x1f")[0] for mark in sorted(customer.marks) if is_membership(mark)]


def _tell(
    draft: Draft,
    name: str,
    member_since_ms: int | None,
    now_ms: int,
    reason: AudienceReason,
    cause: str,
    items: tuple[Shown, ...] = (),
) -> None:
    """Tell of a member, or (None) of one who has left."""
    audience, told = name.removeprefix(_PREFIX), {**draft.feed.shown, name: _digest(items)}
    if told[name] != draft.feed.shown.get(name, 0):
        draft.feed = replace(draft.feed, shown={each: digest for each, digest in sorted(told.items()) if digest})
    record = AudienceMember(
        audience,
        draft.tenant,
        draft.customer_id,
        member_since_ms is not None,
        now_ms if member_since_ms is None else member_since_ms,
        reason,
        {} if reason == AudienceReason.MERGED else addresses(draft),  # they go on with the other customer
        items,
        now_ms,
    )
    draft.effects.append(Publish(f"{audience}/{draft.customer_id}", record, cause))


def _digest(items: tuple[Shown, ...]) -> int:
    return crc32(json.encode(items)) if items else 0
