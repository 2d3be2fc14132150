"""Sessions, stores, places."""

from __future__ import annotations

from itertools import permutations

from pipeline.domain.events import ChannelEvent, Context
from pipeline.domain.facets.visits import SESSIONS_KEPT, STORES_KEPT, Session, Visits
from tests.unit.domain.facets.telling import at, told
from tests.unit.domain.triggers.story import Story, at_ms, event

NOTHING = Visits()


def seen(clock: str, session: str | None = None, channel: str = "web", store: str | None = None) -> ChannelEvent:
    return at(clock, "page_viewed", session_id=session, channel=channel, store_id=store)


def test_a_session_is_what_has_its_id_in_any_channel_however_long_the_silence() -> None:
    events = [seen("10:00", "s-1"), seen("12:00", "s-1", "app"), seen("10:30", "s-2")]
    expected = (
        Session("s-2", "web", at_ms("10:30"), at_ms("10:30"), 1),
        Session("s-1", "web", at_ms("10:00"), at_ms("12:00"), 2),
    )

    for order in permutations(events):
        visits = told(NOTHING, *order)
        assert (visits.sessions, visits.latest) == (2, expected)


def test_without_an_id_half_an_hour_of_silence_ends_a_session() -> None:
    visits = told(NOTHING, seen("10:00"), seen("10:29"), seen("10:58"), seen("11:28"))

    assert [(session.started_at_ms, session.events) for session in visits.latest] == [
        (at_ms("10:00"), 3),
        (at_ms("11:28"), 1),
    ]
    assert visits.sessions == 2


def test_an_event_told_late_that_closes_the_silence_makes_one_session_of_two() -> None:
    events = [seen("10:00"), seen("10:40"), seen("10:20"), seen("11:05")]

    assert told(NOTHING, *events[:2]).sessions == 2
    assert told(NOTHING, *events).latest == (Session("", "web", at_ms("10:00"), at_ms("11:05"), 4),)
    assert len({repr(told(NOTHING, *order)) for order in permutations(events)}) == 1


def test_site_and_app_are_sessions_of_their_own_where_no_id_says_otherwise() -> None:
    assert told(NOTHING, seen("10:00"), seen("10:05", channel="app")).sessions == 2


def test_a_message_that_arrives_is_no_session() -> None:
    assert told(NOTHING, at("10:00", "email_delivered", channel="email"), seen("10:00", channel="pos")) is NOTHING


def test_older_sessions_are_only_counted() -> None:
    visits = told(NOTHING, *(seen(f"{hour:02d}:00") for hour in range(20)))

    assert visits.sessions == 20
    assert [session.last_at_ms for session in visits.latest] == [at_ms(f"{hour}:00") for hour in range(12, 20)]
    assert len(visits.latest) == SESSIONS_KEPT


def test_what_is_told_late_of_a_time_before_all_remembered_sessions_is_of_one_counted() -> None:
    visits = told(NOTHING, *(seen(f"{hour:02d}:00") for hour in range(20)))

    assert told(visits, seen("03:10"), seen("04:00", "s-1")) is visits


def test_stores_are_visited_and_bought_in() -> None:
    events = [
        at("10:00", "store_entered", channel="store_sensor", store_id="HH"),
        at("10:20", "order_completed", channel="pos", store_id="HH"),
        at("10:30", "store_exited", channel="store_sensor", store_id="HH"),
        at("12:00", "store_entered", channel="app", store_id="B"),
        at("13:00", "order_completed", channel="web", store_id="B"),
    ]

    for order in permutations(events):
        visits = told(NOTHING, *order)
        stores = {name: (store.visits, store.orders) for name, store in visits.stores.items()}
        assert stores == {"HH": (1, 1), "B": (1, 0)}
        assert visits.favourite_store == "HH"


def test_a_store_only_named_is_known_and_the_favourite_until_one_is_visited() -> None:
    visits = told(NOTHING, seen("10:00", store="B"), seen("11:00", store="HH"))

    assert visits.favourite_store == "HH"
    assert told(visits, at("09:00", "store_entered", store_id="B")).favourite_store == "B"
    assert NOTHING.favourite_store is None


def test_s4_the_customer_is_in_the_store_entered_last_until_leaving_it() -> None:
    entered = at("10:00", "store_entered", channel="app", store_id="HH")
    elsewhere = at("11:00", "store_entered", channel="app", store_id="B")
    left = at("12:00", "store_exited", channel="store_sensor", store_id="B")

    assert NOTHING.inside is None
    assert told(NOTHING, entered).inside == "HH"
    assert told(NOTHING, entered, elsewhere).inside == "B"
    assert told(NOTHING, entered, elsewhere, left).inside is None  # nobody saw them leave the first
    assert told(NOTHING, left, entered, elsewhere).inside is None


def test_the_place_is_the_latest_position_of_a_context_or_of_a_location_seen() -> None:
    near = at("10:00", "page_viewed", channel="email", context=Context(latitude=53.55, longitude=9.99))
    later = at("11:00", "location_seen", channel="ads", latitude=52.5, longitude="13.4")

    assert told(NOTHING, near).place == (53.55, 9.99, at_ms("10:00"))
    assert told(NOTHING, near, later).place == told(NOTHING, later, near).place == (52.5, 13.4, at_ms("11:00"))


def test_a_position_off_the_globe_is_none() -> None:
    for latitude, longitude in ((91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0), (None, 9.0)):
        context = Context(latitude=latitude, longitude=longitude)
        assert told(NOTHING, at("10:00", "email_opened", channel="email", context=context)) is NOTHING


def test_of_more_stores_than_there_is_room_for_the_one_seen_longest_ago_goes() -> None:
    visits = told(NOTHING, *(at(f"10:{n:02d}", "store_entered", store_id=f"s{n:02d}") for n in range(STORES_KEPT + 3)))

    assert sorted(visits.stores) == [f"s{n:02d}" for n in range(3, STORES_KEPT + 3)]


def test_two_customers_who_are_one_have_the_sessions_and_stores_of_both_a_shared_session_once() -> None:
    events = [
        seen("10:00", "s-1"),
        seen("10:10", "s-1", "app"),
        seen("10:05"),
        seen("10:30"),
        seen("11:40"),
        at("12:00", "store_entered", channel="app", store_id="HH"),
        at("12:30", "order_completed", channel="pos", store_id="HH"),
    ]
    one, other = told(NOTHING, *events[::2]), told(NOTHING, *events[1::2])

    assert one.united(other) == other.united(one) == told(NOTHING, *events)


def test_b19_the_customer_shows_where_they_were() -> None:
    came = event("store_entered", event_id="e-1", channel="app", store_id="HH")
    story = Story().at("10:00", came).again(came, "10:00", arriving="10:05")

    assert story.customer["visits"] == {
        "favourite_store": "HH",
        "inside": "HH",
        "latest_sessions": [
            {
                "channel": "app",
                "events": 1,
                "last_at": "2026-11-24T10:00:00.000Z",
                "session_id": None,
                "started_at": "2026-11-24T10:00:00.000Z",
            }
        ],
        "place": None,
        "sessions": 1,
        "stores": {"HH": {"last_at": "2026-11-24T10:00:00.000Z", "orders": 0, "visits": 1}},
    }
