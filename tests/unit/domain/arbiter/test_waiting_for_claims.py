"""A message waits to hear whose the identifiers of its event are, on either clock, and not for ever."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.claims import CLAIMS_WAIT_MS
from pipeline.domain.messages.effects import Effect, Publish
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage, Granted, Refused
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import Clock
from pipeline.domain.triggers import post_purchase, welcome

NOON = 1_795_521_600_000
ACCOUNT: Identifier = ("account", "u-1")
EMAIL: Identifier = ("email", "m@example.com")
BY_MAIL = Rules("1", [Rule("hello", "welcome", welcome.Config(), channels=("email",))])
IN_TEN_MINUTES = Rules(
    "1",
    [
        Rule(
            "thanks",
            "post_purchase",
            post_purchase.Config("order_completed", delay_ms=600_000),
            rule_class="transactional",
            channels=("email",),
        )
    ],
)


class Customer:
    """One customer, and all that was decided about it."""

    def __init__(self, clock: Clock = "wall", rules: Rules = BY_MAIL) -> None:
        self.actor = CustomerActor(rules, clock)
        self.state: CustomerState | None = None
        self.decided: list[tuple[str, str]] = []
        self.fired: list[tuple[int, str | None]] = []

    def tell(self, message: CustomerMessage, now_ms: int = NOON) -> None:
        self.state, effects = self.actor.handle(self.state, message, now_ms)
        self._note(effects)

    def wake(self, clock_ms: int) -> None:
        assert self.state is not None
        self.state, effects = self.actor.wake(self.state, clock_ms)
        self._note(effects)

    @property
    def wakes_at(self) -> int | None:
        assert self.state is not None
        return self.actor.wakes_at(self.state)

    def _note(self, effects: Sequence[Effect]) -> None:
        published = [effect.record for effect in effects if isinstance(effect, Publish)]
        self.decided += [(each.outcome, each.reason) for each in published if isinstance(each, Decision)]
        self.fired += [(each.fired_at_ms, each.address) for each in published if isinstance(each, Trigger)]


def signed_up(at_ms: int = NOON, received_at_ms: int = NOON) -> Arrived:
    event = ChannelEvent("e-1", "identified", "web", at_ms, dict([ACCOUNT, EMAIL]))
    return Arrived("default", "us", (ACCOUNT, EMAIL), received_at_ms, 1, event, "us")


def bought(at_ms: int) -> Arrived:
    event = ChannelEvent("e-1", "order_completed", "web", at_ms, dict([ACCOUNT, EMAIL]), order_id="o-1")
    return Arrived("default", "us", (ACCOUNT, EMAIL), NOON, 1, event, "us")


def granted() -> Granted:
    return Granted("default", "us", EMAIL, "e-1", NOON, part="us")


def test_the_message_goes_out_with_the_answer_as_of_the_time_of_its_event() -> None:
    us = Customer()

    us.tell(signed_up())
    assert us.decided == []
    us.tell(granted(), NOON + 300)

    assert (us.decided, us.fired) == ([("fired", "sent")], [(NOON, "m@example.com")])
    assert us.wakes_at is None


def test_a_refusal_is_an_answer_too() -> None:
    us = Customer()

    us.tell(signed_up())
    us.tell(Refused("default", "us", EMAIL, "e-1", NOON), NOON + 300)

    assert us.decided == [("dropped", "no_address")]


def test_an_answer_that_never_comes_is_waited_for_a_minute_and_an_answer_told_twice_sends_once() -> None:
    us = Customer()

    us.tell(signed_up())
    assert us.wakes_at == NOON + CLAIMS_WAIT_MS
    us.wake(NOON + CLAIMS_WAIT_MS)
    assert us.decided == [("dropped", "no_address")]

    us.tell(granted(), NOON + CLAIMS_WAIT_MS + 1)
    us.tell(granted(), NOON + CLAIMS_WAIT_MS + 2)
    assert us.decided == [("dropped", "no_address")]


def test_an_event_told_hours_late_waits_for_its_answer_like_any_other() -> None:
    us = Customer()

    us.tell(signed_up(NOON - 3 * 3_600_000))
    assert us.wakes_at == NOON + CLAIMS_WAIT_MS
    us.tell(granted(), NOON + 300)

    assert us.decided == [("fired", "sent")]


def test_on_the_event_clock_nothing_happens_before_the_answer_however_far_the_clock_leaps() -> None:
    us = Customer("event")
    us.tell(signed_up())
    later = ChannelEvent("e-2", "identified", "web", NOON + 3_600_000, dict([ACCOUNT]))
    us.tell(Arrived("default", "us", (ACCOUNT,), NOON, 1, later, "us"))

    us.wake(NOON + 10 * 3_600_000)
    assert (us.decided, us.wakes_at) == ([], None)
    us.tell(granted(), NOON + 10 * 3_600_000)

    assert us.fired == [(NOON, "m@example.com")]
    assert us.wakes_at == NOON + 3_600_000


def test_a_timer_long_due_when_its_event_is_told_waits_for_the_answer_like_what_is_due_at_once() -> None:
    us = Customer(rules=IN_TEN_MINUTES)

    us.tell(bought(NOON - 3_600_000))
    us.wake(NOON)
    assert (us.decided, us.wakes_at) == ([], NOON + CLAIMS_WAIT_MS)
    us.tell(granted(), NOON + 300)

    assert us.fired == [(NOON - 3_000_000, "m@example.com")]
    assert us.wakes_at is None


def test_a_timer_waits_for_an_answer_that_never_comes_no_longer_than_a_minute() -> None:
    us = Customer(rules=IN_TEN_MINUTES)

    us.tell(bought(NOON))
    us.wake(NOON + 600_000)
    assert us.decided == []
    us.wake(NOON + 600_000 + CLAIMS_WAIT_MS)

    assert (us.decided, us.wakes_at) == ([("dropped", "no_address")], None)


def test_on_the_event_clock_a_timer_does_not_go_off_before_the_answer_however_far_the_clock_leaps() -> None:
    us = Customer("event", IN_TEN_MINUTES)
    us.tell(bought(NOON))

    us.wake(NOON + 10 * 3_600_000)
    assert (us.decided, us.wakes_at) == ([], None)
    us.tell(granted(), NOON + 10 * 3_600_000)
    us.wake(NOON + 10 * 3_600_000)

    assert us.fired == [(NOON + 600_000, "m@example.com")]
