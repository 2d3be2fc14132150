"""What the arbiter must decide, said as plainly as can be: a log of all that happened, searched anew each time.

Slow on purpose, and without a line in common with `pipeline.domain`: windows are counted over the whole log, clocks
are read minute by minute. All times are whole minutes (ms).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline.domain.arbiter.policy import Cap, Policy
from pipeline.domain.rules.in_force import Rule

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
ADDRESS = {"email": "a@example.com", "push": "d-1"}  # no phone: sms cannot be used
FINAL = ("fired", "dropped", "held_out")


class Name(NamedTuple):
    """Which proposal."""

    rule: str
    subject: str
    generation: str


class Entry(NamedTuple):
    """A decision: `at_ms` by the logical clock, `clock_ms` when it was really taken, `release_ms` if it waits."""

    name: Name
    outcome: str
    reason: str
    at_ms: int
    clock_ms: int
    due_ms: int
    channel: str | None = None
    release_ms: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known of the customer."""

    consents: dict[str, bool] = field(default_factory=dict)
    suppressed: frozenset[str] = frozenset()
    open_case: bool = False
    zone: str | None = None


@dataclass
class Reference:
    rules: dict[str, Rule]
    policy: Policy
    customer_id: str
    on_event_clock: bool
    facts: Facts = field(default_factory=Facts)
    spoilt: set[tuple[str, str]] = field(default_factory=set)
    timers: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)

    # --- what happens -------------------------------------------------------------------------------------------

    def event(
        self, what: str, rule: str, subject: str, at_ms: int, delay_ms: int, event_id: str, clock_ms: int
    ) -> None:
        if what == "propose":
            self.settle([(Name(rule, subject, event_id), at_ms, at_ms, False)], clock_ms)
        elif what == "wait":
            self.drop_waiting(rule, subject, "superseded", at_ms, clock_ms)
            self.timers[rule, subject] = (at_ms + delay_ms, f"{at_ms}/{event_id}")
        elif what == "cancel_all":
            about = set(self.timers) | {entry.name[:2] for entry in self.waiting()}
            for of_rule, any_subject in sorted(about):
                if of_rule == rule:
                    self.event("cancel", rule, any_subject, at_ms, 0, event_id, clock_ms)
        elif what == "cancel":
            if (rule, subject) in self.timers:
                due_ms, generation = self.timers.pop((rule, subject))
                name = Name(rule, subject, generation)
                self.log.append(Entry(name, "dropped", "bought", at_ms, clock_ms, due_ms))
            self.drop_waiting(rule, subject, "bought", at_ms, clock_ms)
        elif what == "spoil":
            self.spoilt.add((rule, subject))

    def pass_time(self, until_ms: int, clock_ms: int) -> None:
        while True:
            timers = [(due_ms, Name(*key, generation)) for key, (due_ms, generation) in self.timers.items()]
            waiting = self.waiting()
            instants = [due_ms for due_ms, _ in timers] + [entry.release_ms for entry in waiting]
            if not instants or min(instants) > until_ms:
                return
            now = min(instants)
            fresh = [(name, due_ms, due_ms, False) for due_ms, name in timers if due_ms == now]
            again = [(entry.name, entry.due_ms, now, True) for entry in waiting if entry.release_ms == now]
            for name, *_ in fresh:
                del self.timers[name.rule, name.subject]
            self.settle(fresh + again, clock_ms)

    def waiting(self) -> list[Entry]:
        """Proposals whose latest decision was to wait."""
        latest = {entry.name: entry for entry in self.log}
        return [entry for entry in latest.values() if entry.outcome in ("held", "deferred")]

    def drop_waiting(
        self, rule: str, subject: str, reason: str, at_ms: int, clock_ms: int, released: tuple[Name, ...] = ()
    ) -> None:
        for entry in self.waiting():
            if (entry.name.rule, entry.name.subject) == (rule, subject) and entry.name not in released:
                self.log.append(Entry(entry.name, "dropped", reason, at_ms, clock_ms, entry.due_ms))

    # --- the arbiter --------------------------------------------------------------------------------------------

    def settle(self, proposals: list[tuple[Name, int, int, bool]], clock_ms: int) -> None:
        proposals = self.without_older(proposals, clock_ms)
        open_ = [name for name, *_ in proposals]
        ranked = sorted(proposals, key=lambda p: (-self.rules[p[0].rule].priority, *p[0][:2], p[2], p[0].generation))
        for name, due_ms, at_ms, was_held in ranked:
            now_ms = at_ms if self.on_event_clock else clock_ms
            outcome, reason, channel, release_ms = self.decide(
                self.rules[name.rule], name, due_ms, at_ms, now_ms, was_held
            )
            if outcome != "dropped":
                self.drop_waiting(name.rule, name.subject, "superseded", at_ms, now_ms, tuple(open_))
            open_.remove(name)
            self.log.append(Entry(name, outcome, reason, at_ms, now_ms, due_ms, channel, release_ms))

    def without_older(
        self, proposals: list[tuple[Name, int, int, bool]], clock_ms: int
    ) -> list[tuple[Name, int, int, bool]]:
        """What was held gives way to what its rule says about the same subject at the same moment."""
        rest = []
        for name, due_ms, at_ms, was_held in proposals:
            if was_held and any(other[:2] == name[:2] and later_ms > due_ms for other, later_ms, *_ in proposals):
                now_ms = at_ms if self.on_event_clock else clock_ms
                self.log.append(Entry(name, "dropped", "superseded", at_ms, now_ms, due_ms))
            else:
                rest.append((name, due_ms, at_ms, was_held))
        return rest

    def decide(
        self, rule: Rule, name: Name, due_ms: int, at_ms: int, now_ms: int, was_held: bool
    ) -> tuple[str, str, str | None, int]:
        marketing = rule.rule_class == "marketing"
        if rule.expires_after_ms is not None and now_ms >= due_ms + rule.expires_after_ms:
            return "dropped", "expired", None, 0
        went_out = [entry for entry in self.log if entry.outcome in ("fired", "held_out")]
        own = [entry.at_ms for entry in went_out if entry.name.rule == rule.name]
        if rule.cooldown_ms is not None and any(at_ms < before + rule.cooldown_ms for before in own):
            return "dropped", "cooldown", None, 0
        if was_held and (name.rule, name.subject) in self.spoilt:
            return "dropped", "already_owned", None, 0
        if marketing and self.facts.open_case and not rule.during_case:
            return "dropped", "open_case", None, 0

        why = {channel: self.unusable(rule, channel) for channel in rule.channels or (None,)}
        usable = [channel for channel, reason in why.items() if reason is None]
        nearest = [reason for reason in ("no_consent", "suppressed", "no_address") if reason in why.values()]
        may_be_told = nearest[:1] == ["no_address"] and self.is_quiet(rule, now_ms)
        if not usable and not may_be_told:
            return "dropped", nearest[0], None, 0
        if self.is_quiet(rule, now_ms):
            morning_ms = next(t for t in count(now_ms + MINUTE_MS, MINUTE_MS) if not self.is_quiet(rule, t))
            return "held", "quiet_hours", None, morning_ms
        free = [channel for channel in usable if self.has_room(rule, channel, now_ms)]
        if not free:
            room_ms = min(self.next_room(rule, channel, now_ms) for channel in usable)
            patience_ms = 7 * DAY_MS if rule.expires_after_ms is None else rule.expires_after_ms
            if rule.when_capped == "drop" or room_ms >= due_ms + patience_ms:
                return "dropped", "capped", None, 0
            return "deferred", "capped", None, room_ms
        if marketing and self.drawn(self.policy.holdout_percent):
            return "held_out", "global_holdout", free[0], 0
        if marketing and self.drawn(rule.holdout_percent, rule.name):
            return "held_out", "rule_holdout", free[0], 0
        return "fired", "sent", free[0], 0

    def unusable(self, rule: Rule, channel: str | None) -> str | None:
        said = self.facts.consents
        if channel is not None and channel not in ADDRESS:
            return "no_address"
        if channel in self.facts.suppressed:
            return "suppressed"
        if rule.rule_class == "transactional":
            return None
        about = ["marketing"] if channel is None else ["marketing", channel, f"{channel}:marketing"]
        words = [said[name] for name in about if name in said]
        if False in words or (self.policy.consent_default == "deny" and not words):
            return "no_consent"
        return None

    def drawn(self, percent: float, *of: str) -> bool:
        text = "\x1f".join(("holdout", "default", self.customer_id, *of))
        return int(sha256(text.encode()).hexdigest()[:12], 16) / 16**12 * 100 < percent

    # --- clocks and caps ----------------------------------------------------------------------------------------

    def shown(self, time_ms: int) -> datetime:
        zone = ZoneInfo(self.facts.zone or self.policy.time_zone)
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).astimezone(zone)

    def is_quiet(self, rule: Rule, time_ms: int) -> bool:
        if rule.quiet_hours is None:
            return False
        local = self.shown(time_ms)
        minute, start, end = local.hour * 60 + local.minute, rule.quiet_hours.start_minute, rule.quiet_hours.end_minute
        return start <= minute < end if start < end else not end <= minute < start

    def has_room(self, rule: Rule, channel: str | None, now_ms: int) -> bool:
        for cap, is_own in [(cap, False) for cap in self.policy.caps] + [(cap, True) for cap in rule.at_most]:
            bound = cap.channel in (None, channel) and cap.rule_class in (None, rule.rule_class)
            times = [e.clock_ms for e in self.log if self.fills(e, cap, rule, is_own)]
            if bound and sum(self.same_window(cap, time_ms, now_ms) for time_ms in times) >= cap.at_most:
                return False
        return True

    def fills(self, entry: Entry, cap: Cap, rule: Rule, is_own: bool) -> bool:
        if entry.outcome not in ("fired", "held_out") or cap.channel not in (None, entry.channel):
            return False
        if cap.rule_class not in (None, self.rules[entry.name.rule].rule_class):
            return False
        if is_own:
            return entry.name.rule == rule.name
        return entry.outcome == "fired" or (entry.reason == "global_holdout" and rule.rule_class == "marketing")

    def same_window(self, cap: Cap, time_ms: int, now_ms: int) -> bool:
        if cap.per_ms is not None:
            return now_ms - cap.per_ms < time_ms <= now_ms
        one, other = self.shown(time_ms).date(), self.shown(now_ms).date()
        if cap.calendar == "week":
            return one.isocalendar()[:2] == other.isocalendar()[:2]
        return one == other if cap.calendar == "day" else (one.year, one.month) == (other.year, other.month)

    def next_room(self, rule: Rule, channel: str | None, now_ms: int) -> int:
        quarter_ms = (
            15 * MINUTE_MS
        )  # every zone's midnights lie on quarters; and so do the times at which messages leave
        times = {e.clock_ms + cap.per_ms for e in self.log for cap in (*self.policy.caps, *rule.at_most) if cap.per_ms}
        midnights = {
            t
            for t in range(now_ms - now_ms % quarter_ms, now_ms + 32 * DAY_MS, quarter_ms)
            if self.shown(t).hour == self.shown(t).minute == 0
        }
        return next((t for t in sorted(times | midnights) if t > now_ms and self.has_room(rule, channel, t)), 2**60)
