from __future__ import annotations

from pathlib import Path

from pipeline.demo.stream import file_stream, paced, shop_stream
from pipeline.domain.errors import InvalidReason
from pipeline.domain.identity.config import IdentityConfig
from pipeline.sources import Rejected
from pipeline.wire.normalise import Normalised

IDENTITY = IdentityConfig()


def test_the_shop_tells_the_same_story_each_time_on_every_channel() -> None:
    first, second = shop_stream(80, IDENTITY), shop_stream(80, IDENTITY)

    assert list(first.events()) == list(first.events()) == list(second.events())
    assert {"web", "app", "email", "pos"} <= set(first.channels)
    assert first.count == sum(1 for _ in first.events())
    assert first.names["account", "u-10000"]


def test_a_file_is_looked_through_for_its_channels_and_times_without_control_events(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    line = '{{"event_id":"{}","event_type":"{}","channel":"{}","occurred_at":"{}","identifiers":{{"account":"u"}}}}\n'
    path.write_text(
        line.format("e-2", "page_viewed", "web", "2026-11-27T10:00:00Z")
        + line.format("e-1", "page_viewed", "kiosk", "2026-11-27T09:00:00Z")
        + line.format("e-3", "end_of_stream", "web", "2026-12-27T09:00:00Z")
        + "not json\n",
        encoding="utf-8",
    )

    stream = file_stream(path, "channel_event", IDENTITY)

    assert stream.channels == ("kiosk", "web")
    assert (stream.first_ms, stream.last_ms) == (1_795_770_000_000, 1_795_773_600_000)
    assert stream.count == 3
    assert [isinstance(read, Normalised) for read in stream.events()] == [True, True, False]


def test_a_file_is_looked_at_as_its_events_will_be_read(tmp_path: Path) -> None:
    path = tmp_path / "three.jsonl"
    line = '{{"event_id":"{}","event_type":"{}","channel":"{}","occurred_at":{},"identifiers":{{}}}}\n'
    path.write_text(
        line.format("e-1", "page_viewed", "Web", 1_795_770_000_000)
        + line.format("e-2", "page_viewed", "App", 1_795_770_000_000_000)
        + line.format("e-3", "End_Of_Stream", "web", 1_795_770_000_000),
        encoding="utf-8",
    )

    stream = file_stream(path, "channel_event", IDENTITY)
    told, refused = stream.events()

    assert (stream.channels, stream.first_ms, stream.last_ms) == (("web",), 1_795_770_000_000, 1_795_770_000_000)
    assert isinstance(told, Normalised)
    assert isinstance(refused, Rejected)
    assert (refused.line, refused.reason) == (2, InvalidReason.BAD_TIME)


def test_played_as_fast_as_it_goes_nothing_is_waited_for() -> None:
    stream = shop_stream(20, IDENTITY)
    waited: list[float] = []

    assert len(list(paced(stream, 0, waited.append))) == stream.count
    assert waited == []
