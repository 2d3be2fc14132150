"""What every facet owes, whatever it knows: one suite over all fields of `Facets`, on random lives of a customer."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from msgspec.structs import replace

from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.events import ChannelEvent, Context, Item, Scalar
from pipeline.domain.facets import NO_FACETS, Facets, facets_json, learn, united
from pipeline.domain.facets.facet import TEXT_KEPT, Facet
from tests.unit.domain.triggers.story import MIDNIGHT_MS

FACETS: dict[str, type[Facet]] = {name: get_args(hint)[0] for name, hint in get_type_hints(Facets).items()}
every_facet = pytest.mark.parametrize("name", sorted(FACETS))

TYPES = sorted(name for name, kind in EVENT_TYPES.items() if kind.family not in ("control", "operators"))
MINUTE = 60_000

_PROPERTIES: dict[str, tuple[Scalar, ...]] = {
    "address": ("x",), "appointment_id": ("a1", "a2"), "amount_minor": (100, 250), "balance_minor": (0, 700),
    "by_friend": (True, False), "card_id": ("k1", "k2"), "case_id": ("1", "2"), "category": ("shoes", "coats"),
    "channel": ("email", "push"), "code": ("V1", "V2"), "first_name": ("Mia", "Ida", None), "latitude": (53.5, "52"),
    "list": ("sale", "style"), "longitude": (10.0, 13.4), "points": (5, "7"), "balance": (40, 90),
    "purpose": ("marketing", "surveys"), "query": ("boots", "hats"), "rating": (1, 5), "score": (0, 1, 0.5),
    "size": ("38", "40"), "starts_at": ("2026-12-01T10:00:00Z",), "step": ("address", "payment"),
    "tier": ("gold", "silver"), "topic": ("fit", "parcel"), "type": ("hard", "soft"), "expires_at": (MIDNIGHT_MS,),
}  # fmt: skip


def life(seed: int, count: int = 40) -> list[ChannelEvent]:
    """Events of one customer in the order of their times, some at the same instant, with few names in them."""
    chance = random.Random(seed)
    types = chance.sample(TYPES, 22)  # as many as are counted
    now, events = MIDNIGHT_MS, []
    for number in range(count):
        now += chance.choice((0, 1, 5 * MINUTE, 40 * MINUTE))
        items = tuple(
            Item(chance.choice("ABC"), 1, chance.choice((100, 90)), "EUR", {"category": "shoes", "size": "38"})
            for _ in range(chance.randrange(3))
        )
        position = chance.choice((None, 53.5))
        event = ChannelEvent(
            f"e-{number}",
            chance.choice(types),
            chance.choice(("web", "app", "pos", "email")),
            now,
            {"email": chance.choice(("m@example.com", "n@example.com")), "loyalty": chance.choice(("L1", "L2"))},
            session_id=chance.choice(("s-1", "s-2", "s-3")),
            store_id=chance.choice((None, "HH", "B")),
            order_id=f"o-{number}",
            items=items,
            amount_minor=chance.choice((None, 1_000)),
            currency="EUR",
            context=chance.choice((None, Context("phone", "de-DE", "DE", None, position, position, "Europe/Berlin"))),
            consent=chance.choice((None, None, {"email": chance.random() < 0.5, "sms": chance.random() < 0.5})),
            trigger_id=chance.choice((None, "t-1", "t-2")),
            properties={key: chance.choice(_PROPERTIES[key]) for key in chance.sample(sorted(_PROPERTIES), 12)},
        )
        events.append(event)
    return events


LIVES = [life(seed) for seed in range(60)]


def learnt(events: Iterable[ChannelEvent]) -> Facets:
    facets = NO_FACETS
    for event in events:
        facets = learn(facets, event, event.occurred_at_ms)
    return facets


def denying(events: Iterable[ChannelEvent]) -> list[ChannelEvent]:
    """The events without any consent given: what is granted before a merge is not what is granted after it (B7)."""
    return [
        replace(event, consent=event.consent and dict.fromkeys(event.consent, False))
        for event in events
        if event.event_type not in ("consent_granted", "subscribed")
    ]


@every_facet
def test_it_learns_something_in_these_lives(name: str) -> None:
    assert sum(getattr(learnt(events), name) is not None for events in LIVES) > 5


@every_facet
def test_the_order_in_which_events_arrive_does_not_matter(name: str) -> None:
    for seed, events in enumerate(LIVES):
        shuffled = events.copy()
        random.Random(seed).shuffle(shuffled)
        assert getattr(learnt(shuffled), name) == getattr(learnt(events), name)


@every_facet
def test_two_customers_who_are_one_know_what_one_would_who_was_told_everything(name: str) -> None:
    for seed, events in enumerate(LIVES):
        chance = random.Random(seed)
        sides: tuple[list[ChannelEvent], list[ChannelEvent]] = ([], [])
        for event in denying(events):
            chance.choice(sides).append(event)
        together = united(learnt(sides[0]), learnt(sides[1]))
        assert getattr(together, name) == getattr(learnt(denying(events)), name)


@every_facet
def test_it_does_not_matter_who_of_several_is_united_with_whom_first(name: str) -> None:
    for events in LIVES:
        a, b, c = (learnt(events[start::3]) for start in range(3))
        assert getattr(united(a, b), name) == getattr(united(b, a), name)
        assert getattr(united(united(a, b), c), name) == getattr(united(a, united(b, c)), name)


@every_facet
def test_with_somebody_nothing_is_known_of_nothing_changes(name: str) -> None:
    facets = learnt(LIVES[0])
    known = getattr(facets, name) or FACETS[name]()

    assert getattr(united(facets, NO_FACETS), name) == getattr(united(NO_FACETS, facets), name)
    assert known.united(FACETS[name]()) == FACETS[name]().united(known) == known


@every_facet
def test_an_event_that_tells_nothing_leaves_the_very_same(name: str) -> None:
    silent = ChannelEvent("e", "never_heard_of", "billboard", MIDNIGHT_MS, {})
    for facets in (NO_FACETS, learnt(LIVES[1])):
        assert getattr(learn(facets, silent, MIDNIGHT_MS), name) is getattr(facets, name)
        assert learn(facets, silent, MIDNIGHT_MS) is facets


@every_facet
def test_what_is_handed_in_stays_as_it_was(name: str) -> None:
    facets = NO_FACETS
    for event in LIVES[2]:
        before, after = msgspec.msgpack.encode(facets), learn(facets, event, event.occurred_at_ms)
        encoded = msgspec.msgpack.encode(after)
        united(facets, after)
        united(after, facets)
        facets_json(after)
        assert (msgspec.msgpack.encode(facets), msgspec.msgpack.encode(after)) == (before, encoded)
        facets = after


@every_facet
def test_it_survives_encoding(name: str) -> None:
    for events in LIVES:
        facets = learnt(events)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(facets), type=Facets) == facets


@every_facet
def test_it_is_shown_with_sorted_keys_and_the_same_whatever_the_order_of_arrival(name: str) -> None:
    for events in LIVES:
        shown = facets_json(learnt(events)).get(name)
        assert msgspec.json.encode(shown) == msgspec.json.encode(shown, order="sorted")
        assert msgspec.json.encode(shown) == msgspec.json.encode(facets_json(learnt(reversed(events))).get(name))


def robot(count: int) -> Iterator[ChannelEvent]:
    """Ever new names of everything, as long as names may be."""
    chance = random.Random(7)
    for number in range(count):
        new = f"{number}-".ljust(TEXT_KEPT, "x")
        yield ChannelEvent(
            f"e-{number}",
            TYPES[number % len(TYPES)],
            f"channel-{number}" if number % 5 else "web",
            MIDNIGHT_MS + number * 7 * 3_600_000,
            {"email": f"m{number}@example.com", "loyalty": new},
            session_id=new if number % 3 else None,
            store_id=new,
            order_id=new,
            items=tuple(Item(f"{n}{new}"[:256], 1, 100, "EUR", {"category": new, "size": new}) for n in range(3)),
            amount_minor=100,
            currency="EUR",
            context=Context(
                "phone", new, "DE", new, number % 90, number % 180, "Europe/Berlin", None if number % 2 else new
            ),
            consent={new: bool(number % 2), f"a-{new}": False},
            trigger_id=new,
            properties={key: chance.choice((new, number)) for key in _PROPERTIES},
        )


def collections(value: object) -> Iterator[Mapping[Any, Any] | tuple[Any, ...]]:
    if isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from collections(getattr(value, field))
    elif isinstance(value, dict | tuple):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from collections(each)


@pytest.fixture(scope="module")
def after_a_robot() -> Facets:
    half = [learnt(list(robot(10_000))[start::2]) for start in range(2)]
    return united(learnt(robot(10_000)), united(half[0], half[1]))


@every_facet
def test_a_robot_does_not_make_it_larger_than_its_constants_say(name: str, after_a_robot: Facets) -> None:
    """Ten thousand events on each of two sides, and united."""
    module = sys.modules[FACETS[name].__module__]
    bounds = [value for key, value in vars(module).items() if key.endswith(("_KEPT", "_PER_PRODUCT"))]
    bounds += [len(getattr(module, key)) for key in ("STAGES", "FIELDS") if hasattr(module, key)]
    bounds += [32] if name in ("loyalty", "cards") else []  # movements of a ledger

    facet = getattr(after_a_robot, name)
    sizes = [len(each) for each in collections(facet)]
    assert 0 < max(sizes) <= max(size for size in bounds if size != TEXT_KEPT)


def test_a_robot_fills_less_than_a_message_of_kafka(after_a_robot: Facets) -> None:
    assert len(msgspec.msgpack.encode(after_a_robot)) < 256 * 1024
