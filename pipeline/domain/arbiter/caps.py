"""Caps: at most so many messages in any window of so long, or in a day, week or month of the customer's.

Only the newest `at_most` messages that a cap is about matter to it: there is room once the oldest of these has left
the window. So no window, wherever it begins, ever holds more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zlib import crc32
from zoneinfo import ZoneInfo

from pipeline.domain.arbiter.holdout import GLOBAL
from pipeline.domain.arbiter.policy import Cap
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import SENT_KEPT
from pipeline.domain.local_time import period_of
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.steps import Sent

_NEVER_MS = 2**62
"""When a cap of none at all leaves room."""


def room_at(
    rule: Rule, channel: str | None, sent: Sequence[Sent], caps: Sequence[Cap], at_ms: int, zone: Callable[[], ZoneInfo]
) -> int:
    """Return the first time from `at_ms` on at which neither `caps` nor the rule's own forbid one more in `channel`.

    That is as far as is known now: what goes out meanwhile may take the room. `zone` is asked only where a calendar
    matters.
    """
    latest_ms = at_ms
    for cap in caps:
        if _binds(cap, rule, channel):
            times = [each.at_ms for each in sent if _about(each, cap, cap.rule) and _took_place(each, rule)]
            latest_ms = max(latest_ms, _free_at(cap, times, zone))
    for cap in rule.at_most:
        if _binds(cap, rule, channel):
            times = [each.at_ms for each in sent if _about(each, cap, rule.name)]
            latest_ms = max(latest_ms, _free_at(cap, times, zone))
    return latest_ms


def remember(sent: Sent, customer: Draft, rules: Rules) -> None:
    """Keep a message for the caps."""
    customer.sent = (*customer.sent, sent)
    if len(customer.sent) > 1 and sent.at_ms < customer.sent[-2].at_ms:  # a product's answer came after what is later
        customer.sent = tuple(sorted(customer.sent, key=lambda each: each.at_ms))
    bound(customer, rules)


def bound(customer: Draft, rules: Rules) -> None:
    """Keep no more than `SENT_KEPT`: the oldest that no cap needs goes first, then the oldest."""
    while len(customer.sent) > SENT_KEPT:
        sent = customer.sent
        caps = [(cap, cap.rule) for cap in rules.policy.caps]
        caps += [(cap, rule.name) for rule in rules.rules for cap in rule.at_most]
        needed: set[int] = set()
        for cap, name in caps:
            about = [number for number, each in enumerate(sent) if _about(each, cap, name)]
            real = [number for number in about if not sent[number].held_out]
            needed.update(about[-cap.at_most :], real[-cap.at_most :])
        free = next((number for number in range(len(sent)) if number not in needed), None)
        if free is None:
            customer.evicted("sent")
        gone = free or 0
        customer.sent = (*sent[:gone], *sent[gone + 1 :])


def cause_of(event_id: str) -> int:
    """Return what stands for an event in `Sent`."""
    return crc32(event_id.encode())


def _free_at(cap: Cap, times: list[int], zone: Callable[[], ZoneInfo]) -> int:
    """Return when the oldest of the newest `at_most` leaves the window, 0 if there are fewer."""
    if len(times) < cap.at_most:
        return 0
    if cap.at_most < 1:
        return _NEVER_MS
    oldest_ms = sorted(times)[-cap.at_most]
    sliding_ms = 0 if cap.per_ms is None else oldest_ms + cap.per_ms
    return sliding_ms if cap.calendar is None else max(sliding_ms, period_of(cap.calendar, oldest_ms, zone())[1])


def _binds(cap: Cap, rule: Rule, channel: str | None) -> bool:
    """Whether a cap is about messages of this rule in this channel."""
    return (
        cap.channel in (None, channel) and cap.rule_class in (None, rule.rule_class) and cap.rule in (None, rule.name)
    )


def _about(sent: Sent, cap: Cap, rule: str | None) -> bool:
    """Whether a cap (of `rule`, None for all) is about this message."""
    return (
        cap.channel in (None, sent.channel)
        and cap.rule_class in (None, sent.rule_class)
        and (rule is None or rule == sent.rule)
    )


def _took_place(sent: Sent, rule: Rule) -> bool:
    """Whether a message takes room from `rule`: see `holdout.py` for one that was held out."""
    return not sent.held_out or (sent.held_out == GLOBAL and rule.rule_class == "marketing")
