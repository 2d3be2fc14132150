"""A worker that stands still, is given up by the group, and goes on as if nothing had happened."""

from __future__ import annotations

import time

import pytest

from tests.harness.fixtures import Install, carts
from tests.harness.traffic import Traffic, assert_exact


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_a_worker_that_was_frozen_longer_than_its_session_counts_nothing_twice_and_no_partition_sticks(
    install: Install,
) -> None:
    installation = install(carts("2s"))
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    traffic = Traffic(installation, seed=7)

    for zombie in (workers[0], workers[1]):
        time.sleep(3.0)
        zombie.freeze()
        time.sleep(installation.settings.session_timeout_ms / 1000 + 5.0)
        zombie.thaw()
        time.sleep(6.0)
    traffic.stop()

    installation.settle()
    assert_exact(installation, traffic.sent)
