"""A friend redeems a code: both hear of it, wherever they are kept (S6)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import IdentityChange, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers.referral import Config
from pipeline.history.recorder import Recorder
from pipeline.history.writer import open_history
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from tests.unit.domain.triggers.story import at_ms


def simulated(events: list[ChannelEvent], conditions: Conditions | None = None, until: str = "1d 00:00") -> Simulation:
    simulation = Simulation(
        Settings(), Rules("1", [Rule("reward", "referral", Config())]), IdentityConfig(), conditions or Conditions()
    )
    simulation.play([simulation.read(event) for event in events], until_ms=at_ms(until))
    return simulation


def rewarded(simulation: Simulation) -> list[tuple[str, str]]:
    """Customer's account and role of each trigger; the tenant before it where it is not the default."""
    customers = [state for _, state in simulation.bus.states("customer") if not state.is_pointer]
    names = {
        state.customer_id: (f"{state.tenant}/" if state.tenant != "default" else "")
        + next(iter(state.identifiers.get("account") or state.identifiers.get("cookie") or {"nobody": None}))
        for state in customers
    }
    triggers = [record for record in simulation.triggers() if isinstance(record, Trigger)]
    return sorted((names.get(trigger.customer_id, "merged"), str(trigger.context["role"])) for trigger in triggers)


def played(
    events: list[ChannelEvent], conditions: Conditions | None = None, until: str = "1d 00:00"
) -> list[tuple[str, str]]:
    return rewarded(simulated(events, conditions, until))


def told(event_id: str, event_type: str, clock: str, account: str, code: str, **fields: Any) -> ChannelEvent:
    identifiers = {"account": account} if "-" not in account else {"cookie": account}
    return ChannelEvent(event_id, event_type, "app", at_ms(clock), identifiers, properties={"code": code}, **fields)


DISTURBED = pytest.mark.parametrize(
    "conditions", [Conditions(), Conditions(8, seed=3, duplicate=0.3), Conditions(4, seed=5, crash=0.2)]
)


@DISTURBED
def test_s6_sender_and_friend_are_each_rewarded_once(conditions: Conditions) -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "ann", "ANN-1"),
        told("e-2", "referral_redeemed", "12:00", "bob", "ANN-1"),
        told("e-3", "referral_redeemed", "13:00", "bob", "ANN-1"),
    ]

    assert played(events, conditions) == [("ann", "sender"), ("bob", "friend")]


def test_a_sender_is_rewarded_for_every_friend_who_uses_the_code() -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "ann", "ANN-1"),
        told("e-2", "referral_redeemed", "12:00", "bob", "ANN-1"),
        told("e-3", "referral_redeemed", "13:00", "eve", "ANN-1"),
    ]

    assert played(events) == [("ann", "sender"), ("ann", "sender"), ("bob", "friend"), ("eve", "friend")]


def test_who_redeems_a_code_of_their_own_gets_nothing_but_their_friends_count() -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "ann", "ANN-1"),
        told("e-2", "referral_redeemed", "12:00", "ann", "ANN-1"),
    ]
    assert played(events) == []

    events.append(told("e-3", "referral_redeemed", "13:00", "bob", "ANN-1"))
    assert played(events) == [("ann", "sender"), ("bob", "friend")]


@DISTURBED
def test_a_code_used_before_it_is_known_whose_it_is_rewards_its_sender_once_that_is_known(
    conditions: Conditions,
) -> None:
    events = [
        told("e-2", "referral_redeemed", "12:00", "bob", "ANN-1"),
        told("e-3", "referral_redeemed", "12:30", "eve", "ANN-1"),
        told("e-1", "referral_sent", "13:00", "ann", "ANN-1"),
    ]

    both = [("ann", "sender"), ("ann", "sender"), ("bob", "friend"), ("eve", "friend")]
    assert played(events, conditions) == both


def test_a_code_that_nobody_ever_sent_rewards_the_friend_alone() -> None:
    simulation = simulated([told("e-2", "referral_redeemed", "12:00", "bob", "ANN-1")], until="20d 00:00")

    assert rewarded(simulation) == [("bob", "friend")]
    waiting = [state.timers for _, state in simulation.bus.states("customer") if state.timers]
    assert waiting == []


def test_a_code_is_the_same_with_capitals_or_without() -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "ann", "Ann-1"),
        told("e-2", "referral_redeemed", "12:00", "bob", " ann-1"),
        told("e-3", "referral_redeemed", "13:00", "bob", "ANN-1"),
    ]

    assert played(events) == [("ann", "sender"), ("bob", "friend")]


def test_two_who_send_the_same_code_stay_two_customers_and_the_first_has_it() -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "c-1", "SPRING"),
        told("e-2", "referral_sent", "11:00", "c-2", "SPRING"),
        told("e-3", "referral_redeemed", "12:00", "bob", "SPRING"),
    ]
    simulation = simulated(events)

    assert rewarded(simulation) == [("bob", "friend"), ("c-1", "sender")]
    changes = [record for record in simulation.identity_changes() if isinstance(record, IdentityChange)]
    assert [change.reason for change in changes if change.change == "refused"] == ["shared_code"]


def test_a_friend_who_uses_a_code_does_not_become_one_with_its_sender() -> None:
    used = told("e-2", "referral_redeemed", "12:00", "c-2", "ANN-1")
    used = ChannelEvent(
        "e-2", "referral_redeemed", "app", at_ms("12:00"), {**used.identifiers, "referral": "ANN-1"},
        properties={"code": "ANN-1"},
    )  # fmt: skip

    simulation = simulated([told("e-1", "referral_sent", "10:00", "c-1", "ANN-1"), used])
    assert [state.is_pointer for _, state in simulation.bus.states("customer")] == [False, False]


def test_a_sender_may_have_a_code_of_its_own_for_each_friend() -> None:
    codes = [f"ANN-{number}" for number in range(12)]
    events = [told(f"s-{code}", "referral_sent", "10:00", "ann", code) for code in codes]
    events += [
        told(f"r-{code}", "referral_redeemed", "12:00", f"friend of {code}".replace("-", ""), code) for code in codes
    ]

    assert played(events).count(("ann", "sender")) == 12


def test_b37_the_same_code_of_another_tenant_is_another_code() -> None:
    events = [
        told("e-1", "referral_sent", "10:00", "ann", "SPRING"),
        told("e-2", "referral_sent", "10:00", "zoe", "SPRING", tenant="other"),
        told("e-3", "referral_redeemed", "12:00", "bob", "SPRING", tenant="other"),
    ]

    assert played(events) == [("other/bob", "friend"), ("other/zoe", "sender")]


def test_the_history_has_what_channels_told_and_not_the_word_to_the_sender(tmp_path: Path) -> None:
    rules = Rules("1", [Rule("reward", "referral", Config())])
    with closing(open_history(tmp_path / "history")) as history:
        recorder = Recorder(history)
        simulation = Simulation(Settings(), rules, IdentityConfig(), Conditions(), on_arrived=recorder.arrived)
        events = [
            told("e-1", "referral_sent", "10:00", "ann", "ANN-1"),
            told("e-2", "referral_redeemed", "12:00", "bob", "ANN-1"),
        ]
        simulation.play([simulation.read(event) for event in events], until_ms=at_ms("1d 00:00"))

        assert recorder.rows()["events"] == 2
