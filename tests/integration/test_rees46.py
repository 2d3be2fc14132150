"""A real shop's morning through Kafka, Faust and history, and through `omni simulate`: the same answers, known before.

The figures are those of the data set's own README (`../shared/data`), counted there from the file alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.broker.local import LocalKafka
from pipeline.domain.time import rfc3339
from tests.conftest import Omni
from tests.harness.history import history_process, rows
from tests.harness.installation import Installation
from tests.harness.rees46 import ABANDONED, DISTINCT, END_MS, EVENTS, REVENUE_MINOR
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

RULES = "version: test\nrules:\n" + "".join(
    f"  - {{name: after_{minutes}, kind: abandoned_cart, delay: {minutes}m}}\n" for minutes in ABANDONED
)
EXPECTED = {f"after_{minutes}": carts for minutes, carts in ABANDONED.items()}
END = rfc3339(END_MS)


def test_a_real_morning_gives_the_known_triggers_on_kafka_and_in_simulation_with_equal_ids(
    kafka: LocalKafka, prefix: str, omni: Omni, environment: dict[str, str], tmp_path: Path, rees46_sample: Path
) -> None:
    installation = Installation(
        kafka.bootstrap, prefix, tmp_path / "installation", environment, RULES, channels="web", clock="event"
    )
    installed = installation.environment
    stream = (rees46_sample, "--source", "rees46")
    try:
        with history_process(installed, tmp_path / "history.log"):
            worker = installation.start()
            published = omni("publish", *stream, "--end-of-stream", END, "--json", env=installed, timeout=120)
            assert json.loads(published.stdout)["published"] == EVENTS, published.stderr
            installation.settle(until_ms=END_MS)
            counted = worker.counted()
            wait_until(
                lambda: rows(omni, installed, "SELECT count() AS n FROM triggers")[0]["n"] == sum(EXPECTED.values()),
                "history has every trigger",
            )
            stored = rows(omni, installed, "SELECT count() AS n FROM events")[0]["n"]
            revenue = rows(
                omni,
                installed,
                "SELECT sum(order_amount_minor) AS minor FROM events WHERE event_type = 'order_completed'",
            )[0]["minor"]
        sent = installation.triggers()
    finally:
        installation.close()

    on_kafka = {rule: {each.trigger.trigger_id for each in sent if each.trigger.rule == rule} for rule in EXPECTED}
    assert {rule: len(ids) for rule, ids in on_kafka.items()} == EXPECTED
    assert counted["duplicates"] == EVENTS - DISTINCT
    assert int(stored) == DISTINCT
    assert int(revenue) == REVENUE_MINOR

    out = tmp_path / "simulated"
    rules = installation.rules_file
    played = omni("simulate", *stream, "--rules", rules, "--until", END, "--out", out, timeout=120)
    assert played.code == 0, played.stderr
    simulated: dict[str, set[str]] = {rule: set() for rule in EXPECTED}
    for line in (out / "triggers.jsonl").read_text().splitlines():
        trigger = json.loads(line)
        simulated[trigger["rule"]].add(trigger["trigger_id"])
    assert simulated == on_kafka
