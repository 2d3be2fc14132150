"""What a customer's changes make for those who follow the topics `customers` and `audiences`, and when.

A changed customer is told of once per interval, at its end: a burst costs one record. Audiences are told of at once.
"""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from pipeline.domain.customer.audiences import Audiences, is_membership
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.record import customer_record, pointer_record
from pipeline.domain.customer.state import CustomerState, FeedTimes
from pipeline.domain.messages.effects import Publish
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules


class Feeds:
    """Both feeds of one customer at a time. `at_ms` is always the time of the clock, not of a late event."""

    def __init__(self, book: RuleBook, customers_every_ms: int) -> None:
        """Tell of a changed customer every so often; 0: never. Audiences are those of the rules in force."""
        self._book = book
        self._audiences_of = cache(_audiences_of)
        self._every_ms = customers_every_ms

    def wakes_at(self, customer: CustomerState | Draft) -> int | None:
        """Return when there is something to do without an event."""
        judge_ms = customer.feed.judge_at_ms
        tell_ms = customer.feed.tell_at_ms if self._every_ms else 0
        return (min(judge_ms, tell_ms) if judge_ms and tell_ms else judge_ms or tell_ms) or None

    def changed(self, draft: Draft, at_ms: int, cause: str) -> None:
        """Look at the audiences again, and let the customer be told of at the end of the interval."""
        self._look(draft, at_ms, cause)
        feed = draft.feed
        if self._every_ms and not feed.tell_at_ms:
            draft.feed = replace(feed, tell_at_ms=max(at_ms, feed.told_at_ms) + self._every_ms, cause=cause)

    def reached(self, draft: Draft, at_ms: int) -> None:
        """Do what waited for this time."""
        if 0 < draft.feed.judge_at_ms <= at_ms:
            self._look(draft, at_ms, draft.feed.cause)
        feed = draft.feed
        if self._every_ms and 0 < feed.tell_at_ms <= at_ms:
            cause = feed.cause if feed.judge_at_ms else ""
            draft.feed = replace(feed, tell_at_ms=0, told_at_ms=feed.tell_at_ms, cause=cause)
            record = customer_record(draft.state(), feed.tell_at_ms)
            draft.effects.append(Publish(draft.customer_id, record, feed.cause))

    def merged(self, draft: Draft, pointer: CustomerState, at_ms: int, cause: str) -> None:
        """Tell that the customer, so far as `draft` has it, has become part of the one that `pointer` names."""
        self._audiences(at_ms).leave_all(draft, _now(draft, at_ms), cause)
        if self._every_ms and pointer.graph is not None:
            updated_ms = max(at_ms, draft.feed.told_at_ms)
            record = pointer_record(draft.tenant, draft.customer_id, pointer.graph.merged_into, updated_ms)
            draft.effects.append(Publish(draft.customer_id, record, cause))

    def restored(self, draft: Draft, at_ms: int, cause: str) -> None:
        """Begin anew with a customer that lives again: what it was a member of has been told to have ended."""
        draft.marks = {mark: since_ms for mark, since_ms in draft.marks.items() if not is_membership(mark)}
        draft.feed = FeedTimes(told_at_ms=draft.feed.told_at_ms)
        self.changed(draft, at_ms, cause)

    def readdressed(self, draft: Draft, before: CustomerState, at_ms: int, cause: str) -> None:
        """Tell those who follow audiences of addresses gained or lost."""
        self._audiences(at_ms).readdress(draft, before, _now(draft, at_ms), cause)

    def _look(self, draft: Draft, at_ms: int, cause: str) -> None:
        audiences = self._audiences(at_ms)
        if not audiences.concern(draft):
            return
        now_ms = _now(draft, at_ms)
        next_ms = audiences.look(draft, now_ms, cause) or 0
        draft.feed = replace(draft.feed, judge_at_ms=next_ms, judged_at_ms=now_ms, cause=cause)

    def _audiences(self, at_ms: int) -> Audiences:
        return self._audiences_of(self._book.at(at_ms))


def _audiences_of(rules: Rules) -> Audiences:
    return Audiences(rules.audiences, rules.policy.consent_default)


def _now(draft: Draft, at_ms: int) -> int:
    """Never before an earlier look: messages are handled a moment after the time they have."""
    return max(at_ms, draft.last_seen_at_ms or 0, draft.feed.judged_at_ms)
