"""The door: what ingest takes, every actor can handle down to bytes; what it does not take stops nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline.channel_reader import ChannelReader
from pipeline.domain.actor import Actor
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import identity_key
from pipeline.domain.messages.to_identity import Block, Observed
from pipeline.domain.product.actor import ProductActor
from pipeline.metrics import BY_CHANNEL
from pipeline.settings import Settings
from pipeline.streaming.ingest import Fuse, Ingested, IngestPartition
from pipeline.streaming.memory_bus import MemoryBus
from pipeline.streaming.units import Output, Record
from pipeline.topics import BIG_MESSAGE_BYTES
from pipeline.topology import InstallationTopology
from pipeline.wire import json_event
from pipeline.wire.avro_writer import long
from pipeline.wire.channel_event import Decoder, encode
from pipeline.wire.normalise import normalise
from tests.simulation.shop import SHOP, TEN
from tests.unit.wire.events import EVENTS, FULL, LARGE_EVENTS, SMALLEST

IDENTITY = IdentityConfig()
SETTINGS = Settings(partitions=1)
DAY = 86_400_000


def reader(event_clock: bool = True) -> Callable[[ChannelEvent], Ingested]:
    read = ChannelReader(Decoder(), IDENTITY, event_clock)
    return lambda event: read(Record(0, TEN, None, encode(event)))


def control(event_type: str, at_ms: int) -> ChannelEvent:
    return ChannelEvent("c-1", event_type, "web", at_ms, {})


@pytest.mark.parametrize("clock", ["wall", "event"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=st.lists(LARGE_EVENTS | EVENTS, max_size=8))
def test_what_ingest_takes_every_actor_handles_down_to_bytes(
    clock: Literal["wall", "event"], events: list[ChannelEvent]
) -> None:
    """Nothing may raise but InvalidEvent, at the door."""
    sizes: list[int] = []

    def delivered(output: Output) -> None:
        sizes.append(len(output.value))

    actors: list[Actor[Any, Any]] = [IdentityActor(IDENTITY), CustomerActor(SHOP, clock), ProductActor(clock)]
    bus = MemoryBus(actors, InstallationTopology(SETTINGS), 1, delivered)
    read = reader(clock == "event")
    for event in events:
        try:
            taken = read(event)
        except InvalidEvent:
            continue
        bus.put([taken])
    bus.advance(TEN + DAY)

    assert max(sizes, default=0) < BIG_MESSAGE_BYTES
    assert all(bus.states(actor.name) for actor in actors)
    by_channel = {what for what, reason in bus.counts if reason in {event.channel for event in events}}
    assert by_channel <= BY_CHANNEL


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(EVENTS | LARGE_EVENTS)
@example(
    structs.replace(FULL, event_id="\ud7fc", session_id="\ud7fc")
)  # a letter not given out yet: not printable, not untidy
def test_what_was_made_tidy_once_is_tidy(event: ChannelEvent) -> None:
    try:
        once = normalise(event, IDENTITY)
    except InvalidEvent:
        return

    assert normalise(once.event, IDENTITY).event is once.event
    assert normalise(once.event, IDENTITY).identifiers == once.identifiers


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        json_event.encode(FULL).replace(b"50.94", b"1" * 400),
        encode(FULL).replace(long(FULL.occurred_at_ms), b"\xff" * 9 + b"\x7f"),
        encode(structs.replace(SMALLEST, amount_minor=10**14)),
    ],
    ids=["nested", "latitude", "integer of 70 bits", "amount"],
)
def test_a_record_that_cannot_be_read_is_a_dead_letter_and_its_partition_goes_on(value: bytes) -> None:
    topology = InstallationTopology(SETTINGS)
    read = ChannelReader(Decoder(), IDENTITY, event_clock=True)
    partition = IngestPartition("channel.web", 0, read, topology.dead_letter, topology, Fuse(1.0, 1), event_clock=True)

    (unit,) = partition.apply([Record(0, TEN, None, value), Record(1, TEN, None, encode(FULL))])

    assert [output.topic for output in unit.outputs] == ["deadletter", "identity.inbox"]


@pytest.mark.parametrize("event_type", ["end_of_stream", "Stream_Time"])
def test_a_control_event_moves_the_clock_and_reaches_no_customer(event_type: str) -> None:
    taken = reader()(control(event_type, TEN))

    assert (taken.message, taken.occurred_at_ms) == (None, TEN)


@pytest.mark.parametrize("at_ms", [TEN * 1_000, TEN // 1_000])
def test_a_control_event_in_microseconds_or_seconds_does_not_move_the_clock(at_ms: int) -> None:
    with pytest.raises(InvalidEvent) as caught:
        reader()(control("end_of_stream", at_ms))

    assert caught.value.reason is InvalidReason.BAD_TIME


@pytest.mark.parametrize("event_clock", [True, False])
def test_what_an_operator_blocks_goes_to_the_shard_of_its_strongest_identifier_and_to_no_customer(
    event_clock: bool,
) -> None:
    event = ChannelEvent("op-1", "Identifier_Blocked", "web", TEN - 5, {"cookie": "c-1", "email": "Shop@Example.com"})

    taken = reader(event_clock)(event)

    assert taken.message == Block("default", ("email", "shop@example.com"), "op-1", TEN - 5)
    assert taken.key == identity_key("default", ("email", "shop@example.com"))
    assert taken.at_ms == (TEN - 5 if event_clock else TEN)
    assert taken.counts == (("operator_events", "identifier_blocked"),)


@pytest.mark.parametrize("identifiers", [{}, {"cookie": "null"}])
def test_a_block_of_nothing_that_links_is_refused(identifiers: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent) as caught:
        reader()(ChannelEvent("op-1", "identifier_blocked", "web", TEN, identifiers))

    assert caught.value.reason is InvalidReason.BAD_VALUE
    assert "nothing to block" in caught.value.detail


@pytest.mark.parametrize("event_type", ["merge_undone", "merge_confirmed"])
def test_what_an_operator_says_of_a_merge_is_told_to_the_customer_of_its_identifier(event_type: str) -> None:
    taken = reader()(ChannelEvent("op-1", event_type, "web", TEN, {"account": "u-1", "loyalty": "l-1"}))

    assert isinstance(taken.message, Observed)
    assert taken.message.identifiers == (("account", "u-1"), ("loyalty", "l-1"))
    assert taken.counts == (("operator_events", event_type),)


def test_an_unknown_type_is_kept_and_counted_by_its_channel() -> None:
    taken = reader()(structs.replace(FULL, event_type="hologram_waved_at", channel="smart_mirror"))

    assert taken.message is not None
    assert taken.counts == (("unknown_event_types", "smart_mirror"),)
    assert reader()(FULL).counts == ()


def test_two_spellings_of_one_kind_are_counted() -> None:
    taken = reader()(structs.replace(FULL, identifiers={"cookie": "c-1", "Cookie": "c-2", "account": "null"}))

    assert sorted(taken.counts) == [
        ("identifiers_blocked", "blocked_builtin"), ("identifiers_blocked", "blocked_second"),
    ]  # fmt: skip
