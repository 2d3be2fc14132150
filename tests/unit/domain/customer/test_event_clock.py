"""On the event clock, what comes of a stream does not depend on the order or the bits in which it arrives."""

from __future__ import annotations

import random
import tracemalloc

import msgspec

from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE, WAITING_KEPT
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_customer import Arrived
from pipeline.domain.rules.in_force import Rules
from tests.unit.domain.triggers.story import (
    MIDNIGHT_MS,
    Story,
    abandoned_cart,
    at_ms,
    cart_emptied,
    item,
    order_completed,
    product_added,
    product_removed,
)


def stream(count: int, seed: int) -> list[ChannelEvent]:
    """Random cart life of one customer, minutes apart, several events in the same minute."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        cart = chance.choice(("c1", "c2", None))
        told = chance.choice(
            [
                product_added("A", cart=cart, price=100),
                product_added("B", "C", cart=cart),
                product_removed("A", cart=cart),
                cart_emptied(cart),
                order_completed("A", cart=cart, amount_minor=300, currency="EUR"),
            ]
        )
        at = MIDNIGHT_MS + chance.randrange(count // 2 + 1) * 60_000 * 20
        made.append(msgspec.structs.replace(told, event_id=f"e-{number}", occurred_at_ms=at))
    return made


def told(events: list[ChannelEvent], steps: list[int]) -> tuple[bytes, bytes]:
    """Tell events in the order given, letting the clock reach `steps` where nothing older is left to come."""
    story = Story(abandoned_cart("45m", cooldown="2h"), clock="event")
    for event in events:
        story.tell(event, event.occurred_at_ms)
    for step in steps:
        story.pass_time(step)
    return msgspec.json.encode(story.customer), msgspec.json.encode(story.records)


END = MIDNIGHT_MS + 400 * 86_400_000


def test_order_of_arrival_and_repeats_and_leaps_of_the_clock_change_nothing() -> None:
    for seed in range(20):
        events = stream(60, seed)
        customer, records = told(events, [END])
        shuffled = events + random.Random(seed).sample(events, 10)
        random.Random(seed + 1).shuffle(shuffled)

        assert told(shuffled, [END]) == (customer, records)
        assert told(shuffled, [*range(MIDNIGHT_MS, MIDNIGHT_MS + 86_400_000, 1_700_000), END]) == (
            customer,
            records,
        )


def test_nothing_is_applied_before_the_clock_has_reached_it() -> None:
    story = Story(abandoned_cart("30m"), clock="event")
    story.tell(msgspec.structs.replace(product_added("A", event_id="e-1"), occurred_at_ms=at_ms("10:00")), 0)

    assert story.customer["events"] == 0
    assert story.at("09:59").customer["events"] == 0
    assert story.at("10:00").customer["events"] == 1


def test_a_purchase_at_the_instant_of_the_reminder_takes_it_back_if_told_after_it() -> None:
    story = Story(abandoned_cart("30m"), clock="event").at("10:00", product_added("A"))
    story.at("10:30", order_completed("A"))  # the clock stands at 10:30 already, and the reminder has gone
    story.at("12:00")

    assert [trigger.status for trigger in story.triggers] == ["fired", "revoked"]


def test_a_purchase_at_the_instant_of_the_reminder_cancels_it_if_told_before_it() -> None:
    story = Story(abandoned_cart("30m"), clock="event")
    for minute, event in (("10:30", order_completed("A", event_id="z")), ("10:00", product_added("A", event_id="a"))):
        story.tell(msgspec.structs.replace(event, occurred_at_ms=at_ms(minute)), 0)

    assert story.at("12:00").decisions == [("10:30", "dropped", "bought")]


def test_at_the_same_instant_the_purchase_wins_over_the_cart_whichever_is_told_first() -> None:
    for cart_id, order_id in (("a", "z"), ("z", "a")):
        story = Story(abandoned_cart("30m"), clock="event")
        for event in (product_added("A", event_id=cart_id), order_completed("A", event_id=order_id)):
            story.tell(msgspec.structs.replace(event, occurred_at_ms=at_ms("10:00")), 0)
        assert story.at("12:00").fired == []


def test_an_event_that_the_clock_has_passed_is_applied_at_once_with_its_own_time() -> None:
    story = Story(abandoned_cart("30m"), clock="event").at("10:00", product_added("A", cart="c1")).at("11:00")
    story.at("10:10", order_completed("A", cart="c1"), arriving="11:00")

    assert [trigger.status for trigger in story.triggers] == ["fired", "revoked"]


def test_old_data_is_played_as_it_happened_however_late_it_arrives() -> None:
    story = Story(abandoned_cart("30m"), clock="event").at("-300d 10:00", product_added("A"), arriving="10:00")

    assert story.counted("events_out_of_time") == []
    assert [rule for _, rule in story.fired] == ["abandoned_cart"]


def arrived(event: ChannelEvent) -> Arrived:
    return Arrived("default", "customer-1", (("cookie", "c-9"),), event.occurred_at_ms, 1, event)


def copied(waiting: int) -> tuple[int, int]:
    """Bytes that one more event takes while it is told, and while it is applied, with so many waiting."""
    actor = CustomerActor(Rules("test", (abandoned_cart("30m"),)), "event")
    state = CustomerState("default", "customer-1")
    *events, last = stream(waiting + 1, 1)
    for event in events:
        told, _ = actor.handle(state, arrived(event), event.occurred_at_ms)
        assert told is not None
        state = told
    tracemalloc.start()
    try:
        told, _ = actor.handle(state, arrived(last), last.occurred_at_ms)
        telling = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        due = actor.wakes_at(state)
        assert due is not None
        actor.wake(state, due)
        return telling, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_to_take_and_to_apply_one_more_event_copies_next_to_nothing_of_the_thousands_that_wait() -> None:
    told, applied = copied(9_000)

    # A copy of 9,000 references takes 72,000 bytes; two blocks' worth of them some 2,000.
    assert told < 8_000
    assert applied < 16_000


def test_thousands_of_events_that_waited_are_applied_in_wakes_of_bounded_effects() -> None:
    actor = CustomerActor(Rules("test", (abandoned_cart("30m"),)), "event")
    state: CustomerState | None = None
    for event in stream(5_000, 1):
        state, effects = actor.handle(state, arrived(event), event.occurred_at_ms)
        assert list(effects) == []
    while state is not None and actor.wakes_at(state) is not None:
        state, effects = actor.wake(state, END)
        assert len(effects) <= 2 * EFFECTS_PER_WAKE

    assert state is not None
    assert state.events == 5_000


def test_more_events_than_may_wait_are_applied_earliest_first_ahead_of_the_clock_and_counted() -> None:
    actor = CustomerActor(Rules("test", (abandoned_cart("30m"),)), "event")
    state: CustomerState | None = None
    viewed = [
        ChannelEvent(f"e-{number}", "product_viewed", "web", MIDNIGHT_MS + number, {})
        for number in range(WAITING_KEPT + 2)
    ]
    counted: list[Effect] = []
    for event in reversed(viewed):
        state, effects = actor.handle(state, arrived(event), event.occurred_at_ms)
        counted += effects

    assert state is not None
    assert counted == [Count("applied_ahead_of_clock", "customer")] * 2
    assert (state.events, state.last_seen_at_ms) == (2, MIDNIGHT_MS + 1)
    state, _ = actor.wake(state, END)
    assert state is not None
    assert state.events == WAITING_KEPT + 2


def test_whole_contents_told_late_in_the_stream_order_count_by_their_own_time() -> None:
    story = Story(abandoned_cart("30m"), clock="event")
    later = msgspec.structs.replace(product_added("B", event_id="1"), occurred_at_ms=at_ms("10:10"))
    first = msgspec.structs.replace(product_added("A", event_id="2"), occurred_at_ms=at_ms("10:00"))
    for event in (later, first):
        story.tell(event, 0)

    (trigger,) = story.at("12:00").triggers
    assert trigger.items == (item("A"), item("B"))
