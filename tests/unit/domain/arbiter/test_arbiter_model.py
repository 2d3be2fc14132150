"""Random lives of a customer, decided by the arbiter and by a slow and obvious one: they must agree. B25 to B28."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from unittest.mock import patch
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Cap, Policy, QuietHours, RuleClass
from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.events import ChannelEvent, Context
from pipeline.domain.facets.permissions import Consent, Permissions
from pipeline.domain.facets.service import Case, Service
from pipeline.domain.facets.situation import Situation
from pipeline.domain.messages.effects import Count, Effect, Publish
from pipeline.domain.messages.to_customer import Arrived, Granted
from pipeline.domain.reasons import DropReason
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import RULES, kind
from pipeline.domain.triggers.steps import Cancel, Change, Mark, Proposal, Step, Timer, WakeAt
from pipeline.domain.triggers.view import CustomerView
from tests.unit.domain.arbiter.arbiter_reference import ADDRESS, DAY_MS, FINAL, MINUTE_MS, Facts, Reference

QUARTER_MS = 15 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS
STARTS_MS = {
    "a week in November": 1_795_478_400_000,
    "the day before the clock goes back": 1_792_800_000_000,  # 2026-10-24 00:00 UTC
    "the day before it goes forward": 1_806_105_600_000,  # 2027-03-27 00:00 UTC
}


class Obedient(kind.Kind):
    """Fires when an event says so. At most once per event."""

    config_type = kind.Config
    events = frozenset({"product_viewed"})

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        told = change.event.properties
        subject, at_ms = str(told["subject"]), change.at_ms
        if told["rule"] != self.rule:
            return ()
        steps: dict[str, Step] = {
            "propose": _proposal(subject, change.event.event_id, at_ms, change.event.event_id),
            "wait": WakeAt(subject, at_ms + int(told["delay_ms"] or 0), at_ms, by_event=True),
            "cancel": Cancel(subject, DropReason.BOUGHT),
            "cancel_all": Cancel(None, DropReason.BOUGHT),
            "spoil": Mark(subject, at_ms),
        }
        return (steps[str(told["what"])],)

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        return (_proposal(timer.subject, timer.generation, timer.due_at_ms, timer.caused_by),)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        spoilt = customer.mark(self.rule, proposal.subject) is not None
        return DropReason.ALREADY_OWNED if spoilt else None


def _proposal(subject: str, generation: str, due_at_ms: int, cause: str) -> Proposal:
    return Proposal(subject, generation, due_at_ms, subject, 0, cause, (), {"of": generation, "about": subject}, "")


def times(*of_ms: int) -> st.SearchStrategy[int]:
    return st.sampled_from(of_ms)


windows = st.one_of(
    times(HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 3 * DAY_MS).map(lambda per: {"per_ms": per}),
    st.sampled_from(("day", "week", "month")).map(lambda calendar: {"calendar": calendar}),
)
channels = st.sampled_from((None, "email", "push"))
classes: st.SearchStrategy[RuleClass] = st.sampled_from(("marketing", "marketing", "transactional"))
caps = st.builds(
    lambda window, **fields: Cap(**window, **fields),
    window=windows,
    at_most=st.integers(1, 3),
    channel=channels,
    rule_class=st.sampled_from((None, "marketing", "transactional")),
)
quiet = st.sampled_from((None, QuietHours(22 * 60, 8 * 60), QuietHours(13 * 60, 15 * 60), QuietHours(0, 150)))
percents = st.sampled_from((0.0,) * 8 + (50.0, 100.0))
NAMES = ("a", "b", "c")


@st.composite
def rules_of_three(draw: st.DrawFn) -> dict[str, Rule]:
    def rule(name: str) -> Rule:
        own = draw(st.lists(caps, max_size=1)) if draw(st.booleans()) else []
        return Rule(
            name,
            "obedient",
            kind.Config(),
            priority=draw(st.integers(1, 3)),
            rule_class=draw(classes),
            channels=draw(st.sampled_from(((), (), ("email",), ("email", "push"), ("sms", "push", "email"), ("sms",)))),
            cooldown_ms=draw(st.sampled_from((None, None, None, 2 * HOUR_MS, DAY_MS))),
            expires_after_ms=draw(st.sampled_from((None, None, 3 * HOUR_MS, DAY_MS, 4 * DAY_MS))),
            at_most=tuple(replace(cap, rule=name) for cap in own),
            when_capped=draw(st.sampled_from(("drop", "defer"))),
            quiet_hours=draw(quiet),
            holdout_percent=draw(percents),
            during_case=draw(st.booleans()),
        )

    return {name: rule(name) for name in NAMES}


policies = st.builds(
    Policy,
    caps=st.lists(caps, min_size=1, max_size=2).map(tuple),
    consent_default=st.sampled_from(("allow", "allow", "allow", "deny")),
    holdout_percent=percents,
    time_zone=st.sampled_from(("UTC", "Europe/Berlin")),
)
facts = st.builds(
    Facts,
    consents=st.sampled_from(
        (
            {},
            {},
            {"marketing": True},
            {"email": True},
            {"email": False, "marketing": True},
            {"push": False},
            {"marketing": False},
            {"email:marketing": False},
            {"email:marketing": True},
        )
    ),
    suppressed=st.sampled_from((frozenset(), frozenset(), frozenset({"email"}))),
    open_case=st.sampled_from((False,) * 5 + (True,)),
    zone=st.sampled_from((None, "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Asia/Tokyo")),
)
happenings = st.fixed_dictionaries(
    {
        "after_ms": times(0, 0, QUARTER_MS, HOUR_MS, 3 * HOUR_MS, 11 * HOUR_MS),
        "awake": st.sampled_from((True, True, True, False)),
        "crash": st.booleans(),
        "again": st.booleans(),
        "facts": st.one_of(*[st.none()] * 6, facts),
        "what": st.sampled_from(("propose",) * 5 + ("wait",) * 5 + ("cancel", "cancel_all", "spoil")),
        "rule": st.sampled_from(NAMES),
        "subject": st.sampled_from("stuvw"),
        "delay_ms": times(0, HOUR_MS, 8 * HOUR_MS),
        "late_ms": times(*(0,) * 6, QUARTER_MS, 4 * HOUR_MS),
    }
)


class World:
    """The actor under test, as a harness runs it: its state is bytes between two steps, and steps may be repeated."""

    def __init__(self, rules: dict[str, Rule], policy: Policy, customer_id: str, *, on_event_clock: bool) -> None:
        with patch.dict(RULES, {"obedient": Obedient}):
            self.actor = CustomerActor(Rules("1", rules.values(), policy), "event" if on_event_clock else "wall")
        self.customer_id = customer_id
        self.on_event_clock = on_event_clock
        self.stored = b""
        self.told: list[ChannelEvent] = []
        self.published: list[tuple[int, str | None, Trigger | Decision]] = []
        self.zone: str | None = None
        self.crash = False

    def begin(self, at_ms: int) -> None:
        """The customer is seen with its addresses."""
        identifiers = (("email", ADDRESS["email"]), ("device", ADDRESS["push"]))
        met = ChannelEvent("e-0", "page_viewed", "web", at_ms, dict(identifiers))
        state, _ = self.actor.handle(None, Arrived("default", self.customer_id, identifiers, at_ms, 0, met), at_ms)
        for identifier in identifiers:
            granted = Granted("default", self.customer_id, identifier, "e-0", at_ms)
            state, _ = self.actor.handle(state, granted, at_ms)
        self.stored = msgspec.msgpack.encode(state)
        self.wake(at_ms)

    def tell(self, event: ChannelEvent, received_ms: int) -> list[Effect]:
        message = Arrived(
            "default", self.customer_id, (("device", "d-1"),), received_ms, crc32(event.event_id.encode()), event
        )
        return self._step(lambda state: self.actor.handle(state, message, received_ms), received_ms)

    def wake(self, clock_ms: int) -> None:
        while (due := self.actor.wakes_at(self._state())) is not None and due <= clock_ms:
            before = self.stored
            self._step(lambda state: self.actor.wake(state, clock_ms), clock_ms)
            assert self.stored != before

    def learn(self, known: Facts, at_ms: int) -> None:
        self.zone = known.zone
        facets = replace(
            self._state().facets,
            permissions=Permissions(
                {name: Consent(granted, at_ms) for name, granted in known.consents.items()},
                suppressed={f"{channel}:{ADDRESS[channel]}": ("bounced", at_ms) for channel in known.suppressed},
            ),
            service=Service({"case": Case(opened_at_ms=at_ms)} if known.open_case else {}),
            situation=Situation(Context(time_zone=known.zone or None), at_ms),
        )
        self.stored = msgspec.msgpack.encode(replace(self._state(), facets=facets))

    def _state(self) -> CustomerState:
        return msgspec.msgpack.decode(self.stored, type=CustomerState)

    def _step(self, step: Any, clock_ms: int) -> list[Effect]:
        state, effects = step(self._state())
        if self.crash:  # nothing of it was stored: it is done again, and must be the same
            again, effects_again = step(self._state())
            assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(state)
            assert effects_again == effects
        self.stored = msgspec.msgpack.encode(state)
        self.published += [
            (clock_ms, self.zone, effect.record)
            for effect in effects
            if isinstance(effect, Publish) and isinstance(effect.record, Trigger | Decision)
        ]
        return list(effects)


def live(
    rules: dict[str, Rule], policy: Policy, customer_id: str, start_ms: int, life: list[dict[str, Any]], *, event: bool
) -> tuple[World, Reference]:
    """Live one life in both worlds."""
    world = World(rules, policy, customer_id, on_event_clock=event)
    reference = Reference(rules, policy, customer_id, event)
    world.begin(start_ms)
    now_ms = start_ms
    untold: list[tuple[int, str, dict[str, Any]]] = []

    def catch_up() -> None:
        """Events wait for the clock, and apply in the order of their times however they came."""
        for at_ms, event_id, one in sorted(untold, key=lambda each: each[:2]):
            reference.pass_time(at_ms - 1, now_ms)
            reference.event(one["what"], one["rule"], one["subject"], at_ms, one["delay_ms"], event_id, at_ms)
        untold.clear()
        reference.pass_time(now_ms, now_ms)
        world.wake(now_ms)

    for number, one in enumerate(life):
        world.crash = one["crash"]
        before_ms, now_ms = now_ms, now_ms + one["after_ms"]
        if one["facts"] is not None:
            catch_up()
            reference.facts = one["facts"]
            world.learn(one["facts"], now_ms)
            before_ms = now_ms
        elif one["awake"]:
            catch_up()
            before_ms = now_ms
        at_ms, event_id = now_ms - one["late_ms"], f"e-{number + 1:03d}"
        if event:
            at_ms = max(before_ms, at_ms)
        told = {name: one[name] for name in ("what", "rule", "subject", "delay_ms")}
        happened = ChannelEvent(event_id, "product_viewed", "web", at_ms, {"device": "d-1"}, properties=told)
        world.tell(happened, now_ms)
        if event:
            untold.append((at_ms, event_id, one))
        else:
            reference.event(one["what"], one["rule"], one["subject"], at_ms, one["delay_ms"], event_id, now_ms)
        world.told.append(happened)
        if one["again"] and not (event and untold):
            repeated = world.tell(world.told[number // 2], now_ms)
            assert all(isinstance(effect, Count) for effect in repeated)
    for _ in range(50):  # by then everything has been sent or has expired
        now_ms += 19 * HOUR_MS
        catch_up()
    return world, reference


lives = given(
    rules=rules_of_three(),
    policy=policies,
    customer_id=st.sampled_from(("customer-1", "customer-2", "customer-3")),
    start=st.sampled_from(sorted(STARTS_MS)),
    life=st.lists(happenings, min_size=15, max_size=60),
)
Life = list[dict[str, Any]]


def check(world: World, reference: Reference) -> None:
    """Each decision and trigger is the one it must be, each proposal has one final one, and none comes early."""
    records = [record for *_, record in world.published]
    decisions = [record for record in records if isinstance(record, Decision)]
    assert sorted((r.decided_at_ms, r.rule, r.outcome, r.reason) for r in decisions) == sorted(
        (entry.at_ms, entry.name.rule, entry.outcome, entry.reason) for entry in reference.log
    )
    fired = {
        (t.rule, str(t.context["about"]), str(t.context["of"]), t.channel, t.fired_at_ms)
        for t in records
        if isinstance(t, Trigger)
    }
    assert fired == {(*e.name, e.channel, e.at_ms) for e in reference.log if e.outcome == "fired"}
    finals = Counter(entry.name for entry in reference.log if entry.outcome in FINAL)
    assert finals == dict.fromkeys((entry.name for entry in reference.log), 1)
    assert len(decisions) == len({decision.decision_id for decision in decisions})
    for clock_ms, _, record in world.published:
        if isinstance(record, Trigger):
            assert record.fired_at_ms <= clock_ms


def check_limits(world: World, rules: dict[str, Rule], policy: Policy) -> None:
    """Whatever the reference says: no window of any cap is ever too full, and nobody is woken.

    `world.published` tells when each message really left, and in which zone the customer was then.
    """
    sent = [
        (at_ms if not world.on_event_clock else record.fired_at_ms, zone, record)
        for at_ms, zone, record in world.published
        if isinstance(record, Trigger)
    ]
    for cap in (*policy.caps, *(cap for rule in rules.values() for cap in rule.at_most)):
        about = [
            (at_ms, shown(at_ms, zone or policy.time_zone))
            for at_ms, zone, trigger in sent
            if cap.channel in (None, trigger.channel)
            and cap.rule_class in (None, rules[trigger.rule].rule_class)
            and cap.rule in (None, trigger.rule)
        ]
        for begin_ms, local in about:
            if cap.per_ms is not None:
                assert sum(begin_ms <= at_ms < begin_ms + cap.per_ms for at_ms, _ in about) <= cap.at_most
            elif len({zone for _, zone, _ in sent}) == 1:  # for who travels days begin at another hour
                assert sum(other.date() == local.date() for _, other in about) <= cap.at_most
    for at_ms, zone, trigger in sent:
        quiet, local = rules[trigger.rule].quiet_hours, shown(at_ms, zone or policy.time_zone)
        minute = local.hour * 60 + local.minute
        if quiet is not None and quiet.start_minute > quiet.end_minute:
            assert quiet.end_minute <= minute < quiet.start_minute
        elif quiet is not None:
            assert not quiet.start_minute <= minute < quiet.end_minute


def shown(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone))


@settings(max_examples=100, deadline=None)
@lives
def test_on_the_wall_clock_the_arbiter_decides_as_the_obvious_one_does(
    rules: dict[str, Rule], policy: Policy, customer_id: str, start: str, life: Life
) -> None:
    world, reference = live(rules, policy, customer_id, STARTS_MS[start], life, event=False)

    check(world, reference)
    check_limits(world, rules, policy)


@settings(max_examples=100, deadline=None)
@lives
def test_on_the_event_clock_the_arbiter_decides_as_the_obvious_one_does_in_whatever_order_events_come(
    rules: dict[str, Rule], policy: Policy, customer_id: str, start: str, life: Life
) -> None:
    world, reference = live(rules, policy, customer_id, STARTS_MS[start], life, event=True)

    check(world, reference)
    check_limits(world, rules, policy)
