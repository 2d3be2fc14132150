"""What waits for the event clock: in order, in bounded room, at a price that hardly grows with how much waits."""

from __future__ import annotations

import random

from pipeline.domain.customer.waiting import BLOCK, WAITING_KEPT, Waiting, put, without_first

Message = tuple[int, str]
"""Its time, and a name that does not count for the order."""


class Order:
    """The order by time, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, message: Message) -> tuple[object, ...]:
        self.asked += 1
        return message[:1]


def shuffled(count: int) -> list[Message]:
    """Messages of which some four each are of the same time."""
    chance = random.Random(1)
    return [(chance.randrange(count // 4), f"m-{number}") for number in range(count)]


def test_what_waits_comes_out_by_time_and_equals_in_the_order_they_came_in() -> None:
    waiting: Waiting[Message] = ()
    messages = shuffled(3_000)
    for message in messages:
        waiting, ahead = put(waiting, message, Order())
        assert ahead is None

    out = []
    while waiting:
        out.append(waiting[0][0])
        waiting = without_first(waiting)
    assert out == sorted(messages, key=lambda message: message[0])


def test_one_more_is_compared_with_few_and_moves_few_whatever_the_order_of_arrival() -> None:
    messages = shuffled(WAITING_KEPT)
    for arriving in (messages, sorted(messages), sorted(messages, reverse=True)):
        order, moved = Order(), 0
        waiting: Waiting[Message] = ()
        for message in arriving:
            waiting, _ = put(waiting, message, order)
            moved += len(waiting) + BLOCK
            assert max(map(len, waiting)) <= BLOCK

        # Binary search asks 2 × log2(10,000 / 64) ≈ 15 times; all of it copied each time would be 50 million.
        assert order.asked <= 20 * WAITING_KEPT
        assert moved <= 300 * WAITING_KEPT


def test_beyond_what_is_kept_the_earliest_goes_ahead() -> None:
    waiting: Waiting[Message] = ()
    for number in range(WAITING_KEPT):
        waiting, ahead = put(waiting, (number, "kept"), Order())
        assert ahead is None

    waiting, ahead = put(waiting, (WAITING_KEPT, "new"), Order())
    assert ahead == (0, "kept")
    waiting, ahead = put(waiting, (0, "new and earliest"), Order())
    assert ahead == (0, "new and earliest")
    assert waiting[0][0] == (1, "kept")
    assert sum(map(len, waiting)) == WAITING_KEPT
