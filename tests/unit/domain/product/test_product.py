"""Products: co-purchase counts that never claim more than is sure, in bounded room."""

from __future__ import annotations

from itertools import permutations

import msgspec

from pipeline.domain.customer.waiting import EFFECTS_PER_WAKE, WAITING_KEPT
from pipeline.domain.messages.effects import Count, Send
from pipeline.domain.messages.to_customer import Complement, Complements
from pipeline.domain.messages.to_product import AskComplements, BoughtTogether, OrdersHeld, OrdersTold, ProductMessage
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.keys import counter_key
from pipeline.domain.product.pairs import NEWCOMERS, TOGETHER_KEPT
from pipeline.domain.product.state import ProductState, product_json

ACTOR = ProductActor()


def bought(state: ProductState | None, *others: str, times: int = 1) -> ProductState:
    for _ in range(times):
        state, _ = ACTOR.handle(state, BoughtTogether("default", "A", others, 0), 0)
    assert state is not None
    return state


def asked(state: ProductState | None) -> list[Complements]:
    _, effects = ACTOR.handle(state, AskComplements("default", "A", "customer-1", "e-1", 7, "web"), 7)
    for effect in effects:
        assert isinstance(effect, Send)
        assert (effect.actor, effect.key) == ("customer", "default\x1fcustomer-1")
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Complements)]


def test_the_answer_is_sorted_by_confidence_then_sku() -> None:
    state = bought(bought(bought(None, "C", "D", times=2), "B", times=3), times=5)

    assert asked(state) == [
        Complements(
            "default",
            "customer-1",
            "A",
            (Complement("B", 3, 0.3), Complement("C", 2, 0.2), Complement("D", 2, 0.2)),
            "e-1",
            7,
            "web",
        )
    ]


def test_ten_complements_are_enough() -> None:
    state = bought(None, *(f"S{number:02d}" for number in range(30)))

    assert [other.sku for other in asked(state)[0].complements] == [f"S{number:02d}" for number in range(10)]


def test_a_product_nobody_bought_or_always_alone_has_no_answer() -> None:
    assert asked(None) == asked(bought(None)) == []


def test_asking_about_a_product_never_bought_leaves_no_state() -> None:
    state, _ = ACTOR.handle(None, AskComplements("default", "A", "customer-1", "e-1", 7, "web"), 7)

    assert state is None


def test_companions_are_bounded_and_a_newcomer_is_never_said_to_be_more_frequent_than_it_is() -> None:
    state = bought(None, "best", times=50)
    state = bought(state, *(f"S{number:03d}" for number in range(TOGETHER_KEPT + NEWCOMERS - 1)), times=4)
    state = bought(state, "newcomer", times=3)

    assert len(state.companions.together) == TOGETHER_KEPT + 1
    assert state.companions.together["newcomer"].baskets == 2
    assert state.companions.together["newcomer"].weight + state.companions.missed >= 3
    assert "S000" not in state.companions.together
    assert asked(state)[0].complements[0] == Complement("best", 50, 50 / 57)


def test_evictions_are_counted() -> None:
    state = bought(None, *(f"S{number:03d}" for number in range(TOGETHER_KEPT + NEWCOMERS)))
    _, effects = ACTOR.handle(state, BoughtTogether("default", "A", ("one", "two"), 0), 0)

    assert effects == [Count("evictions", "together")] * (NEWCOMERS + 2)


def test_nothing_waits_for_a_time_at_a_product() -> None:
    state = bought(None, "B")

    assert ACTOR.wakes_at(state) is None
    assert ACTOR.wake(state, 10**15) == (state, [])


def test_a_state_handed_in_stays_as_it_was_and_survives_encoding() -> None:
    state = bought(None, "B")
    encoded = msgspec.msgpack.encode(state)
    bought(state, "B", "C")

    assert msgspec.msgpack.encode(state) == encoded
    assert msgspec.msgpack.decode(encoded, type=ProductState) == state


def test_the_json_of_equal_products_is_equal_bytes() -> None:
    first = bought(bought(None, "B", "C"), "C")
    second = bought(bought(None, "C"), "B", "C")

    assert msgspec.json.encode(product_json(first, 0)) == msgspec.json.encode(product_json(second, 0))
    orders = {
        "baskets": 2,
        "complements": [
            {"baskets": 2, "confidence": 1.0, "lift": None, "sku": "C", "support": None},
            {"baskets": 1, "confidence": 0.5, "lift": None, "sku": "B", "support": None},
        ],
        "rhythm_days": None,
        "sku": "A",
        "substitutes": [],
        "tenant": "default",
    }
    assert product_json(first, 0) == product_json(first, 0) | orders


def test_on_the_event_clock_orders_count_before_questions_of_the_same_time_whatever_arrives_first() -> None:
    actor = ProductActor("event")
    order, later = BoughtTogether("default", "A", ("B",), 7), BoughtTogether("default", "A", ("C",), 8)
    question = AskComplements("default", "A", "customer-1", "e-1", 7, "web", ("Z",))
    messages: list[ProductMessage] = [order, later, question]
    for arriving in permutations(messages):
        state: ProductState | None = None
        for message in arriving:
            state, effects = actor.handle(state, message, 7)
            assert list(effects) == []

        assert state is not None
        assert actor.wakes_at(state) == 7
        state, effects = actor.wake(state, 7)

        (answer,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Complements)]
        assert (answer.complements, answer.then) == ((Complement("B", 1, 1.0),), ("Z",))
        assert state is not None
        assert (state.companions.baskets, actor.wakes_at(state)) == (1, 8)


def test_on_the_event_clock_thousands_of_questions_are_answered_in_wakes_of_bounded_effects() -> None:
    actor = ProductActor("event")
    state, _ = actor.handle(None, BoughtTogether("default", "A", ("B",), 1), 1)
    for number in range(1_100):
        question = AskComplements("default", "A", f"customer-{number:04d}", "e-1", 7, "web")
        state, _ = actor.handle(state, question, 7)

    answered = []
    while state is not None and (due := actor.wakes_at(state)) is not None:
        assert due <= 7
        state, effects = actor.wake(state, 7)
        assert len(effects) <= EFFECTS_PER_WAKE
        answered += [effect.key for effect in effects if isinstance(effect, Send)]
    assert answered == [f"default\x1fcustomer-{number:04d}" for number in range(1_100)]


def test_more_messages_than_may_wait_are_applied_earliest_first_ahead_of_the_clock_and_counted() -> None:
    actor, state = ProductActor("event"), None
    for at_ms in range(WAITING_KEPT):
        state, _ = actor.handle(state, BoughtTogether("default", "A", (), at_ms), at_ms)

    state, effects = actor.handle(state, BoughtTogether("default", "A", (), WAITING_KEPT), 0)

    assert effects == (Count("applied_ahead_of_clock", "product"),)
    assert state is not None
    assert (state.companions.baskets, actor.wakes_at(state)) == (1, 1)


def test_on_the_event_clock_a_product_never_bought_leaves_no_state_once_asked() -> None:
    actor = ProductActor("event")
    state, _ = actor.handle(None, AskComplements("default", "A", "customer-1", "e-1", 7, "web"), 7)
    assert state is not None

    assert actor.wake(state, 7) == (None, [])


def test_a_product_without_complements_answers_when_another_is_to_be_asked_next() -> None:
    _, effects = ACTOR.handle(None, AskComplements("default", "A", "customer-1", "e-1", 7, "web", ("B", "C")), 7)

    (answer,) = [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, Complements)]
    assert (answer.complements, answer.then) == ((), ("B", "C"))


def test_on_the_event_clock_of_orders_of_one_instant_the_category_told_does_not_go_by_which_arrives_first() -> None:
    actor = ProductActor("event")
    orders = [BoughtTogether("default", "A", ("B",), 7, None, category) for category in ("SOAPS", "PASTA", "")]
    told = set()
    for arriving in permutations(orders):
        state: ProductState | None = None
        for message in arriving:
            state, _ = actor.handle(state, message, 7)
        assert state is not None
        state, _ = actor.wake(state, 7)
        assert state is not None
        told.add(state.category)

    assert len(told) == 1


def test_on_the_event_clock_of_words_of_one_instant_the_one_that_counts_most_orders_holds() -> None:
    actor = ProductActor("event")
    for weights in ((9.0, 10.0), (10.0, 9.0)):
        state: ProductState | None = None
        counter: ProductState | None = None
        state, _ = actor.handle(state, BoughtTogether("default", "A", ("B",), 6), 7)
        for weight in weights:
            state, _ = actor.handle(state, OrdersHeld("default", "A", "B", weight, 100.0, "", 7), 7)
            counter, _ = actor.handle(counter, OrdersTold("default", counter_key(0), counter_key(1), weight, 7), 7)
        assert state is not None
        assert counter is not None
        state, _ = actor.wake(state, 7)
        counter, _ = actor.wake(counter, 7)

        assert state is not None
        assert counter is not None
        assert counter.orders is not None
        assert state.companions.known["B"].weight == 10.0
        assert counter.orders.others[counter_key(1)].weight == 10.0
