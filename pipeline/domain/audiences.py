"""Audiences: who belongs to one, by events and by time alone, told when it begins and when it ends.

For ad platforms and sites, so a denial of ads or marketing keeps a customer out, whatever the condition says. No
arbiter, no caps: nothing is sent to anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from pipeline.domain.customer_state import CustomerState, Draft
from pipeline.domain.hashed import HASHED_KINDS, PREFIX, hash_of
from pipeline.domain.identity_graph import Link
from pipeline.domain.messages import Publish
from pipeline.domain.records import AudienceMember
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
        self._audiences = {
            _PREFIX + each.name: (_Allowed(each.condition, consent_default), each.for_at_least_ms) for each in audiences
        }

    def concern(self, customer: CustomerState | Draft) -> bool:
        """Whether there is anything to look at: audiences, or what a customer was a member of when there were some."""
        return bool(self._audiences) or customer.feed.judge_at_ms > 0 or bool(memberships(customer))

    def look(self, draft: Draft, now_ms: int, cause: str) -> int | None:
        """Tell what has changed as of `now_ms`. Return when time alone may change something."""
        times: list[int] = []
        for name, (condition, for_ms) in self._audiences.items():
            judged = judge(name, condition, for_ms, now_ms, draft)
            self._take(draft, name, judged, now_ms, cause)
            if judged.next_ms is not None:
                times.append(judged.next_ms)
        for name in memberships(draft):
            if name not in self._audiences:
                self._end(draft, name, now_ms, AudienceReason.AUDIENCE_REMOVED, cause)
        return min(times, default=None)

    def readdress(self, draft: Draft, before: CustomerState, cause: str) -> None:
        """Tell again of memberships that were told with other addresses than the customer has now."""
        names = memberships(before)
        if not names or draft.identifiers is before.identifiers or addresses(draft) == addresses(before):
            return
        for name in names:
            since_ms = draft.mark(name, MEMBER)
            if since_ms is not None:
                _tell(draft, name, True, since_ms, AudienceReason.ADDRESSES, cause)

    def leave_all(self, draft: Draft, now_ms: int, cause: str) -> None:
        """End every membership, because the customer has become part of another."""
        for name in memberships(draft):
            self._end(draft, name, now_ms, AudienceReason.MERGED, cause)

    def _take(self, draft: Draft, name: str, judged: Judged, now_ms: int, cause: str) -> None:
        for mark in judged.marks:
            draft.put_mark(name, mark.subject, mark.at_ms)
        if judged.entered is not None:
            denied = not judged.entered and not self._audiences[name][0].is_allowed(draft)
            reason = AudienceReason.CONSENT if denied else AudienceReason.CONDITION
            _tell(draft, name, judged.entered, now_ms, reason, cause)

    def _end(self, draft: Draft, name: str, now_ms: int, reason: AudienceReason, cause: str) -> None:
        draft.put_mark(name, MEMBER, None)
        _tell(draft, name, False, now_ms, reason, cause)


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

    def changes_at(self, customer: CustomerView, at_ms: int) -> int | None:
        return self._condition.changes_at(customer, at_ms) if self.is_allowed(customer) else None


def is_membership(mark: str) -> bool:
    """Whether a mark says that the customer is a member of an audience: told of that customer, and of no other."""
    return mark.startswith(_PREFIX) and mark.endswith(f"\x1f{MEMBER}")


def memberships(customer: CustomerState | Draft) -> list[str]:
    """Return the names, as marks have them, of the audiences a customer was told to be a member of."""
    return [mark.partition("\x1f")[0] for mark in sorted(customer.marks) if is_membership(mark)]


def addresses(customer: CustomerState | Draft) -> dict[str, tuple[str, ...]]:
    """Return the SHA-256 of e-mail addresses and phone numbers, by kind."""
    return {kind: hashes for kind in sorted(HASHED_KINDS) if (hashes := _hashes(customer.identifiers.get(kind, {})))}


def _hashes(links: dict[str, Link]) -> tuple[str, ...]:
    return tuple(sorted(hash_of(value).removeprefix(PREFIX) for value, link in links.items() if link.linked))


def _tell(draft: Draft, name: str, member: bool, since_ms: int, reason: AudienceReason, cause: str) -> None:
    audience = name.removeprefix(_PREFIX)
    record = AudienceMember(
        audience,
        draft.tenant,
        draft.customer_id,
        member,
        since_ms,
        reason,
        {} if reason == AudienceReason.MERGED else addresses(draft),  # they go on with the other customer
    )
    draft.effects.append(Publish(f"{audience}/{draft.customer_id}", record, cause))
