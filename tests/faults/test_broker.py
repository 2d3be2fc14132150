"""The broker dies and comes back: everything goes on by itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.broker.local import LocalKafka
from tests.harness.environment import clean_environment
from tests.harness.fixtures import carts
from tests.harness.installation import Installation
from tests.harness.traffic import Traffic, assert_exact

EACH_ATTEMPT = ("Unable connect", "Unable to update metadata", "Failed fetch", "waits for the broker")
"""What the Kafka client says of each attempt to reach a broker that is away, some sixty times a second."""


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_b39_killed_and_restarted_under_load_nothing_is_lost_and_nothing_told_twofold(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "broker") as broker:
        installation = Installation(broker.bootstrap, "b39.", tmp_path, clean_environment(), carts("2s"))
        try:
            workers = [installation.start(), installation.start()]
            installation.flowing(*workers)
            traffic = Traffic(installation, seed=39)

            for away_seconds in (0.0, 3.0, 8.0):
                time.sleep(4.0)
                broker.kill()
                time.sleep(away_seconds)
                broker.start(ephemeral=True)
            time.sleep(4.0)
            traffic.stop()

            installation.settle()
            assert [worker.process.poll() for worker in workers] == [None, None]
            assert_exact(installation, traffic.sent)
            for worker in workers:
                said = worker.said()
                assert "Kafka does not answer, trying again" in said
                assert sum(said.count(each) for each in EACH_ATTEMPT) <= 12, "each outage is summed up"
        finally:
            installation.close()
