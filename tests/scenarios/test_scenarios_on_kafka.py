"""All stories in one run on Kafka: two workers on the event clock, and the history, asked in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.broker.local import LocalKafka
from pipeline.domain.catalog import StockLevel
from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.event_types import STREAM_TIME
from pipeline.domain.events import ChannelEvent
from pipeline.domain.records import CatalogView
from pipeline.domain.time import MINUTE_MS
from pipeline.topics import CATALOG_PRODUCTS, CATALOG_STOCK, CATALOG_VIEW, prefixed
from pipeline.wire.catalog import encode as encode_catalog
from pipeline.wire.json_fields import time_ms
from pipeline.wire.records import decode_record
from tests.conftest import Omni
from tests.harness.history import history_process, rows
from tests.harness.installation import Installation
from tests.harness.waiting import wait_until
from tests.scenarios.matching import difference, messages_unlike
from tests.scenarios.outcome import Outcome, outcome_of
from tests.scenarios.playing import Step, events_of, play_live, play_steps
from tests.scenarios.scenario import Told, read_scenario, rules_text, scenario_files, time_of

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

FAR_REACHING = {"order_completed", "product_added", "referral_sent", "referral_redeemed"}
"""What other customers, or products, are told of or asked."""


def test_all_stories_end_on_kafka_as_they_must(
    kafka: LocalKafka, prefix: str, omni: Omni, environment: dict[str, str], tmp_path: Path
) -> None:
    scenarios = [read_scenario(path) for path in scenario_files()]
    events = [event for scenario in scenarios for event in events_of(scenario, tmp_path)]
    events.sort(key=time_of)
    of_channels = [event for event in events if isinstance(event, ChannelEvent)]
    channels = ",".join(sorted({event.channel for event in of_channels}))
    end_ms = max(scenario.until_ms for scenario in scenarios)
    ahead = outcome_of(play_live(scenarios, events, tmp_path, end_ms))
    steps = [*_steps(events, ahead), ([], end_ms)]
    simulated = outcome_of(play_steps(scenarios, steps, tmp_path))

    installation = Installation(
        kafka.bootstrap,
        prefix,
        tmp_path / "installation",
        environment,
        rules_text(scenarios),
        channels=channels,
        clock="event",
        partitions="2",
        products_every_ms=str(MINUTE_MS),
        commit_interval_ms="50",
    )
    installed = installation.environment

    def answer(*words: object) -> str:
        done = omni(*words, env=installed, timeout=120)
        assert done.code == 0, done.stderr
        return done.stdout

    def lines(what: str) -> list[Any]:
        return [json.loads(line) for line in answer("tail", what, "--from-start", "--until-end").splitlines()]

    catalog = installation.reader(prefixed(installation.settings, CATALOG_VIEW))
    try:
        with history_process(installed, tmp_path / "history.log"):
            installation.flowing(*(installation.start() for _ in range(2)))
            for told, until_ms in steps:
                installation.publish([event for event in told if isinstance(event, ChannelEvent)])
                for record in told:
                    if not isinstance(record, ChannelEvent):
                        name = CATALOG_STOCK if isinstance(record, StockLevel) else CATALOG_PRODUCTS
                        topic = prefixed(installation.settings, name)
                        installation.producer.produce(topic, encode_catalog(record), partition=0)
                installation.flush()
                installation.control(STREAM_TIME, until_ms)
                installation.settle(until_ms)
            on_kafka = Outcome(
                lines("triggers"),
                lines("decisions"),
                lines("identity"),
                [customer_json(state) for state in installation.customers.states()],
                [decode_record(CatalogView, each.value) for each in catalog.news() if each.value is not None],
                list({(each["audience"], each["customer_id"]): each for each in lines("audiences")}.values()),
            )
            asked = [(scenario, each) for scenario in scenarios for each in scenario.expected.history]
            everything = {
                "events": len(of_channels),
                "triggers": len(on_kafka.triggers),
                "decisions": len(on_kafka.decisions),
                "identity_changes": len(on_kafka.identity_changes),
            }
            counts = ", ".join(f"(SELECT count() FROM {table}) AS {table}" for table in everything)
            wait_until(lambda: rows(omni, installed, f"SELECT {counts}") == [everything], f"history has {everything}")
            told = [rows(omni, installed, each["sql"]) for _, each in asked]
            reports = [(scenario, each) for scenario in scenarios for each in scenario.expected.reports]
            answers = [json.loads(answer("report", *scenario.report_words(each))) for scenario, each in reports]
    finally:
        installation.close()

    for scenario in scenarios:
        unlike = messages_unlike(scenario, on_kafka.of(scenario))
        assert not unlike, f"{scenario.title}\n" + "\n".join(unlike)
    for records, others, name in (
        (on_kafka.customers, simulated.customers, "customer_id"),
        (on_kafka.triggers, simulated.triggers, "trigger_id"),
        (on_kafka.decisions, simulated.decisions, "decision_id"),
        (on_kafka.audiences, simulated.audiences, "customer_id"),
    ):
        assert difference(_sorted(others, name), _sorted(records, name), name) is None
    for (scenario, each), found in zip(asked, told, strict=True):
        assert difference(each["rows"], found) is None, (scenario.title, each["sql"], found)
    for (scenario, each), found in zip(reports, answers, strict=True):
        assert difference(each["rows"], found) is None, (scenario.title, each, found)


def _steps(events: list[Told], ahead: Outcome) -> Iterator[Step]:
    """Cut the stream so that in no step anything happens to a tenant after something that concerns several customers.

    Months pass in seconds here. A clock that runs on would let one customer decide before a merge, or what others
    bought, has come to it: on a real day that takes milliseconds. `ahead` says when anything is decided.
    """
    happens: list[tuple[int, str, Told | None]] = [(time_of(told), told.tenant, told) for told in events]
    happens += [(time_ms(each["decided_at"], ""), each["tenant"], None) for each in ahead.decisions]
    happens.sort(key=lambda each: each[:2])
    step: list[Told] = []
    stocked = {told.tenant for told in events if not isinstance(told, ChannelEvent)}
    reached_ms = 0
    settling: dict[str, int] = {}
    together: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for at_ms, tenant, event in happens:
        if settling.get(tenant, at_ms) < at_ms:
            yield step, reached_ms
            step, settling = [], {}
        reached_ms = at_ms
        if event is not None:
            step.append(event)
            if not isinstance(event, ChannelEvent) or (tenant in stocked and event.items):
                settling[tenant] = at_ms
            if not isinstance(event, ChannelEvent):
                continue
            identifiers = (tenant, tuple(sorted(event.identifiers.items())))
            if event.event_type in FAR_REACHING or (len(event.identifiers) > 1 and identifiers not in together):
                settling[tenant] = at_ms
            together.add(identifiers)
    yield step, reached_ms


def _sorted(records: list[Any], name: str) -> list[Any]:
    return sorted(records, key=lambda record: (str(record[name]), record.get("audience", "")))
