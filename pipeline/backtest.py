"""What a rules file would have sent in a span of time, counted as it is played, and how two of them differ.

One run is a `Tally`; `document` sets one or two of them side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from statistics import median
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from pipeline.domain.records import Decision, IdentityChange, Trigger
from pipeline.domain.time import DAY_MS, rfc3339

Json: TypeAlias = dict[str, Any]
Group = TypeVar("Group")

OUTCOMES: Final = ("fired", "held_out", "held", "deferred", "revoked", "dropped")


class Span(Struct, frozen=True):
    """Decisions of [since, before) count, in ms; None: no bound on that side."""

    since_ms: int | None = None
    before_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Whether a time lies within."""
        after_start = self.since_ms is None or at_ms >= self.since_ms
        return after_start and (self.before_ms is None or at_ms < self.before_ms)


class Sent(Struct, frozen=True, gc=False):
    """One message that would have gone out."""

    fired_at_ms: int
    rule: str
    tenant: str
    customer_id: str
    channel: str | None
    reason: str


class Tally:
    """What became of the proposals of one rules file. Grows with customers and messages, not with events."""

    def __init__(self, span: Span) -> None:
        """Count within `span`; what lies outside only warms up."""
        self._span = span
        self._owners: dict[str, tuple[int, str]] = {}
        #: Messages by trigger id; decisions by (rule, day since 1970 in UTC, outcome, reason).
        self.sent: dict[str, Sent] = {}
        self.decided: Counter[tuple[str, int, str, str]] = Counter()

    def take(self, record: Trigger | Decision | IdentityChange) -> None:
        """Count a record that was published."""
        match record:
            case Trigger(status="fired") if self._span.holds(record.fired_at_ms):
                self.sent[record.trigger_id] = Sent(
                    record.fired_at_ms,
                    record.rule,
                    record.tenant,
                    record.customer_id,
                    record.channel,
                    record.reason,
                )
            case Decision() if self._span.holds(record.decided_at_ms):
                self.decided[record.rule, record.decided_at_ms // DAY_MS, record.outcome, str(record.reason)] += 1
            case IdentityChange():
                owner = record.other_customer_id if record.change == "unmerged" else record.customer_id
                for part, moves in record.parts.items():
                    if moves > self._owners.get(part, (-1, ""))[0]:
                        self._owners[part] = (moves, owner)

    def owner(self, customer_id: str) -> str:
        """Return whom a customer is part of at the end of the run."""
        return self._owners.get(customer_id, (0, customer_id))[1]

    def messages_per_customer(self) -> list[int]:
        """Return how many messages each customer got that got any, ascending."""
        return sorted(Counter(self.owner(sent.customer_id) for sent in self.sent.values()).values())

    def digest(self) -> str:
        """Return the SHA-256 of all that was counted: the same for the same events and rules."""
        counted = [*sorted(self.sent.items()), *sorted(self.decided.items())]
        return sha256(msgspec.json.encode(counted)).hexdigest()


def document(new: Tally, old: Tally | None, rules: Sequence[str], examples: int) -> Json:
    """Return the comparison. `rules`: names in the order to show them; `old` is null everywhere if there is none.

    A message is the same in both if its rule, its customer and what it is about are (the same trigger id); `moved` is
    how many of those went out at another time.
    """
    by_rule = _side_by_side(new, old, lambda rule, day: rule)
    by_day = _side_by_side(new, old, lambda rule, day: (day, rule))
    names = list(dict.fromkeys([*rules, *sorted(by_rule)]))
    sides = {"new": _NOTHING, "old": None if old is None else _NOTHING}
    said: Json = {
        "new": _totals(new),
        "old": None if old is None else _totals(old),
        "compared": None if old is None else _compared(new.sent, old.sent),
        "rules": [{"rule": name, **by_rule.get(name, sides)} for name in names],
        "days": [
            {"day": rfc3339(day * DAY_MS)[:10], "rule": name, **by_day[day, name]}
            for day, name in sorted(by_day, key=lambda key: (key[0], names.index(key[1])))
        ],
        "examples": {
            "only_new": _examples(new, {} if old is None else old.sent, examples),
            "only_old": [] if old is None else _examples(old, new.sent, examples),
        },
    }
    return said


_NOTHING: Final[Json] = {**dict.fromkeys(OUTCOMES, 0), "reasons": {}}


def _side_by_side(new: Tally, old: Tally | None, group: Callable[[str, int], Group]) -> dict[Group, Json]:
    """Return the counts of both runs for each group of (rule, day)."""
    ours, theirs = _counts(new, group), {} if old is None else _counts(old, group)
    return {
        key: {"new": ours.get(key, _NOTHING), "old": None if old is None else theirs.get(key, _NOTHING)}
        for key in {**ours, **theirs}
    }


def _counts(tally: Tally, group: Callable[[str, int], Group]) -> dict[Group, Json]:
    """Return how often each outcome was for each group, and each reason of those that do not mean sent."""
    found: dict[Group, Json] = {}
    for (rule, day, outcome, reason), number in sorted(tally.decided.items()):
        counts = found.setdefault(group(rule, day), {**_NOTHING, "reasons": {}})
        counts[outcome] += number
        if outcome != "fired":
            reasons = counts["reasons"].setdefault(outcome, {})
            reasons[reason] = reasons.get(reason, 0) + number
    return found


def _totals(tally: Tally) -> Json:
    messages = tally.messages_per_customer()
    return {
        "messages": len(tally.sent),
        "customers": len(messages),
        "messages_per_customer": {"median": median(messages) if messages else 0, "max": max(messages, default=0)},
        "digest": tally.digest(),
    }


def _compared(new: Mapping[str, Sent], old: Mapping[str, Sent]) -> Json:
    both = new.keys() & old.keys()
    return {
        "in_both": len(both),
        "moved": sum(new[trigger_id].fired_at_ms != old[trigger_id].fired_at_ms for trigger_id in both),
        "only_new": len(new) - len(both),
        "only_old": len(old) - len(both),
    }


def _examples(tally: Tally, others: Mapping[str, Sent], most: int) -> list[Json]:
    """Return messages that are not among `others`, by time: one of each customer first, then their second ones, …."""
    only = sorted(tally.sent.keys() - others.keys(), key=lambda name: (tally.sent[name].fired_at_ms, name))
    nth: Counter[str] = Counter()
    ranked = []
    for trigger_id in only:
        customer_id = tally.owner(tally.sent[trigger_id].customer_id)
        ranked.append((nth[customer_id], trigger_id, customer_id))
        nth[customer_id] += 1
    ranked.sort(key=lambda ranked: ranked[0])  # stable: by time within
    return [_example(trigger_id, customer_id, tally.sent[trigger_id]) for _, trigger_id, customer_id in ranked[:most]]


def _example(trigger_id: str, customer_id: str, sent: Sent) -> Json:
    return {
        "trigger_id": trigger_id,
        "tenant": sent.tenant,
        "customer_id": customer_id,
        "rule": sent.rule,
        "channel": sent.channel,
        "fired_at": rfc3339(sent.fired_at_ms),
        "reason": sent.reason,
    }
