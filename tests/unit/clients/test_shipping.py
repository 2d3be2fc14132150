from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pipeline.broker import BrokerError
from pipeline.clients.publisher import Publisher
from pipeline.clients.shipping import Shipment, Shipper
from pipeline.domain.events import ChannelEvent
from pipeline.settings import Settings
from pipeline.wire.json_event import encode

TEN = 1_795_514_400_000


class Broker:
    """Takes events, until it has taken `room`."""

    cluster = "c"

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.room = 1_000

    def send(self, event: ChannelEvent, identifiers: object) -> None:
        if len(self.taken) == self.room:
            raise BrokerError("away")
        self.taken.append(event.event_id)

    def flush(self) -> None:
        pass


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of two events each."""
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in paths:
        events = [ChannelEvent(f"{path.stem}-{n}", "page_viewed", "web", TEN, {"account": "u-1"}) for n in (1, 2)]
        path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return paths


def ship(broker: Broker, files: list[Path], noted: list[int] | None = None, restart: bool = False) -> Shipment:
    settings = Settings(data_dir=files[0].parent / "data")
    note = (noted if noted is not None else []).append
    publisher = cast(Publisher, broker)
    shipper = Shipper(settings, publisher, "channel_event", restart=restart, note=note, say=lambda line: None)
    return shipper.ship(files)


def test_files_that_were_through_before_an_interruption_are_not_sent_again(broker: Broker, files: list[Path]) -> None:
    broker.room = 3
    with pytest.raises(BrokerError):
        ship(broker, files)
    broker.room = 1_000

    shipment = ship(broker, files)

    assert broker.taken == ["a-1", "a-2", "b-1", "b-1", "b-2"]
    assert (shipment.published, shipment.skipped) == (2, 2)


def test_once_all_files_are_through_they_are_sent_again_when_asked_for(broker: Broker, files: list[Path]) -> None:
    ship(broker, files)

    assert ship(broker, files).published == 4


def test_a_restart_begins_again_with_the_first_file(broker: Broker, files: list[Path]) -> None:
    broker.room = 3
    with pytest.raises(BrokerError):
        ship(broker, files)
    broker.room = 1_000

    assert ship(broker, files, restart=True).published == 4


def test_progress_counts_the_lines_of_all_files(broker: Broker, files: list[Path]) -> None:
    noted: list[int] = []

    ship(broker, files, noted)

    assert noted == [1, 2, 3, 4]
