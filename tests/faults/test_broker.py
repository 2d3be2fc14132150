"""The broker dies and comes back: everything goes on by itself. Meanwhile workers end when they are told to."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.ending import STOP_SECONDS
from tests.harness.fixtures import carts
from tests.harness.installation import Worker, on_its_own_broker, report
from tests.harness.traffic import Traffic, assert_exact
from tests.harness.waiting import wait_until

EACH_ATTEMPT = ("Unable connect", "Unable to update metadata", "Failed fetch", "waits for the broker")
"""What the Kafka client says of each attempt to reach a broker that is away, some sixty times a second."""


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_b39_killed_and_restarted_under_load_nothing_is_lost_and_nothing_told_twofold(tmp_path: Path) -> None:
    with on_its_own_broker(tmp_path, "b39.", carts("2s")) as (broker, installation):
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


def told_to_stop(worker: Worker, number: signal.Signals = signal.SIGTERM) -> float:
    """Tell a worker to stop; return how many seconds it took to end, which it does with status 0."""
    began = time.monotonic()
    worker.process.send_signal(number)
    assert worker.process.wait(timeout=3 * STOP_SECONDS) == 0
    took = time.monotonic() - began
    report(f"ended {took:.1f} s after {number.name}")
    return took


def noticed(worker: Worker) -> None:
    """Wait until a worker has seen that its broker is away."""
    wait_until(lambda: "Kafka does not answer" in worker.said(), "the worker misses its broker")


def cart(number: int) -> ChannelEvent:
    now_ms = int(time.time() * 1000)
    items = (Item("A", 1, 999, "EUR"),)
    identifiers = {"account": f"u-{number % 50}"}
    return ChannelEvent(f"e-{number}", "product_added", "web", now_ms, identifiers, cart_id="c1", items=items)


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_with_nothing_to_do_ends_when_it_is_told_to_while_the_broker_is_dead(
    tmp_path: Path, number: signal.Signals
) -> None:
    with on_its_own_broker(tmp_path, "idle.", carts("1h")) as (broker, installation):
        worker = installation.start()
        installation.flowing(worker)
        installation.publish(cart(n) for n in range(200))
        installation.settle(until_ms=0)

        broker.kill()
        noticed(worker)
        took = told_to_stop(worker, number)
        broker.start(ephemeral=True)
        again = installation.start()
        installation.flowing(again)
        installation.publish(cart(n) for n in range(300))  # the first 200 of them once more
        installation.settle(until_ms=0)

        assert took < STOP_SECONDS + 5
        assert [state.events for state in installation.customers.by_account().values()] == [6] * 50


@pytest.mark.kafka
@pytest.mark.timeout(400)
@pytest.mark.parametrize("failed_already", [False, True], ids=["before the send has failed", "after it has"])
def test_a_worker_with_sends_under_way_ends_when_it_is_told_to_while_the_broker_is_dead(
    tmp_path: Path, failed_already: bool
) -> None:
    with on_its_own_broker(tmp_path, "sending.", carts("2s"), send_timeout_ms="10000") as (broker, installation):
        worker = installation.start()
        installation.flowing(worker)
        traffic = Traffic(installation, seed=40)
        wait_until(lambda: len(installation.triggers()) > 100, "carts are reminded of")

        broker.kill()
        noticed(worker)
        if failed_already:
            wait_until(lambda: "NotDelivered" in worker.said(), "the worker gives up")
        took = told_to_stop(worker)
        broker.start(ephemeral=True)
        again = installation.start()
        installation.flowing(again)
        traffic.stop()
        installation.settle()

        assert took < STOP_SECONDS + 5
        assert "Starting again" not in worker.said()
        assert_exact(installation, traffic.sent)


@pytest.mark.kafka
@pytest.mark.timeout(400)
def test_a_worker_that_fails_for_want_of_its_broker_waits_for_it_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with on_its_own_broker(tmp_path, "failed.", carts("2s"), send_timeout_ms="5000") as (broker, installation):
        worker = installation.start()
        installation.flowing(worker)
        traffic = Traffic(installation, seed=41)
        wait_until(lambda: len(installation.triggers()) > 100, "carts are reminded of")

        broker.kill()
        wait_until(lambda: worker.said().count("Starting again") >= 3, "it has tried a few times")
        took = told_to_stop(worker)
        broker.start(ephemeral=True)
        again = installation.start()
        installation.flowing(again)
        traffic.stop()
        installation.settle()

        assert took < STOP_SECONDS
        assert_exact(installation, traffic.sent)
