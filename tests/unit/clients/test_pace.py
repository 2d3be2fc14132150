from __future__ import annotations

from pipeline.clients.pace import Pace
from pipeline.domain.events import ChannelEvent

START_MS = 1_795_510_800_000


class Wall:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.told: list[tuple[float, int]] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def tell(self, at_ms: int) -> None:
        self.told.append((self.seconds, at_ms - START_MS))


def event(after_ms: int) -> ChannelEvent:
    return ChannelEvent("e", "page_viewed", "web", START_MS + after_ms, {})


def test_an_event_waits_for_its_turn_at_the_speed_asked_for() -> None:
    wall = Wall()
    pace = Pace(60, None, wall.now, wall.sleep)
    turns = []

    for after_ms in (0, 60_000, 60_000, 30_000, 180_000):
        pace(event(after_ms))
        turns.append(wall.seconds)

    assert turns == [0, 1, 1, 1, 3]


def test_without_a_speed_nothing_waits_and_the_time_is_told_every_2000_events() -> None:
    wall = Wall()
    pace = Pace(None, wall.tell, wall.now, wall.sleep)

    for number in range(4_001):
        pace(event(number))

    assert wall.told == [(0, 1_998), (0, 3_998)]


def test_the_time_goes_on_while_nothing_happens_but_never_reaches_the_next_event() -> None:
    wall = Wall()
    pace = Pace(10, wall.tell, wall.now, wall.sleep)

    pace(event(0))
    pace(event(25_000))

    assert wall.told[:2] == [(1, 10_000), (2, 20_000)]
    assert all(at_ms < 25_000 for _, at_ms in wall.told)
