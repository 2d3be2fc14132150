"""What a worker's log says while Kafka is away."""

from __future__ import annotations

import inspect
import logging

import aiokafka.client
import pytest
from aiokafka.consumer import fetcher, group_coordinator

from pipeline.streaming import clock, outage
from pipeline.streaming.outage import COMPLAINTS, Outage, SumUp


def told(outage: Outage, complaints: dict[int, str], until: int) -> list[tuple[int, str]]:
    """What is said and when (s), looking once a second."""
    said: list[tuple[int, str | None]] = []
    for now in range(until + 1):
        if now in complaints:
            said.append((now, outage.complain(float(now), complaints[now])))
        if outage.lasts:
            said.append((now, outage.look(float(now))))
    return [(now, line) for now, line in said if line is not None]


def test_an_outage_is_one_line_at_first_one_every_thirty_seconds_and_one_when_it_is_over() -> None:
    complaints = {now: f"refused {now}" for now in range(10, 81)}

    assert told(Outage(), complaints, 100) == [
        (10, "Kafka does not answer, trying again for as long as it takes: refused 10"),
        (40, "Kafka still does not answer: 31 complaints in 30 s, refused 40"),
        (70, "Kafka still does not answer: 61 complaints in 60 s, refused 70"),
        (85, "No complaint of Kafka for 5 s, after 71 in 70 s"),
    ]


def test_the_next_outage_is_told_of_at_once_and_counted_anew() -> None:
    said = told(Outage(), {1: "one", 20: "two"}, 30)

    assert [line for _, line in said] == [
        "Kafka does not answer, trying again for as long as it takes: one",
        "No complaint of Kafka for 5 s, after 1 in 0 s",
        "Kafka does not answer, trying again for as long as it takes: two",
        "No complaint of Kafka for 5 s, after 1 in 0 s",
    ]


def test_only_complaints_are_held_back(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SumUp, "_watch", lambda _: None)
    client = logging.getLogger("aiokafka")
    sum_up = SumUp()
    client.addFilter(sum_up)
    try:
        for _ in range(3):
            client.error("Unable connect to node with id %s: %s", 1, "refused")
        client.error("Topic %s is not authorized", "x")
    finally:
        client.removeFilter(sum_up)

    assert [record.getMessage() for record in caplog.records] == [
        "Kafka does not answer, trying again for as long as it takes: Unable connect to node with id 1: refused",
        "Topic x is not authorized",
    ]
    assert caplog.records[0].name == outage.__name__


def test_every_complaint_that_is_held_back_is_one_that_its_source_has() -> None:
    sources = {
        "aiokafka": aiokafka.client,
        "aiokafka.consumer.fetcher": fetcher,
        "aiokafka.consumer.group_coordinator": group_coordinator,
        "pipeline.streaming.clock": clock,
    }

    assert sources.keys() == COMPLAINTS.keys()
    for name, complaints in COMPLAINTS.items():
        source = inspect.getsource(sources[name])
        assert not [complaint for complaint in complaints if complaint not in source]
