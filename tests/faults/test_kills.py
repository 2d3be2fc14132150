"""Workers killed at random moments while they join, leave and work: every event counts once, every trigger is one."""

from __future__ import annotations

import random
import threading
import time

import pytest

from pipeline.domain.events import ChannelEvent, Item
from tests.harness.fixtures import Install, carts
from tests.harness.installation import Installation, Worker, report
from tests.harness.reading import contradictions, repeated

CUSTOMERS = 2_000
EVENTS_PER_SECOND = 250
GAPS_SECONDS = ((0.3, 1.0), (2.0, 4.0), (2.0, 4.0), (8.0, 11.0))
"""Between two kills: while the group still forms, while tables are read back, while all is well."""


class Traffic:
    """A thread that publishes carts, each of them abandoned, until it is stopped."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self.sent: dict[str, str] = {}
        self._installation = installation
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        choose = self._random
        number = 0
        while not self._stopping.wait(0.1):
            now_ms = int(time.time() * 1000)
            for _ in range(EVENTS_PER_SECOND // 10):
                account = f"u-{choose.randrange(CUSTOMERS)}"
                identifiers = {"account": account, "cookie": f"{account}-{choose.randrange(3)}"}
                event = ChannelEvent(
                    f"e-{number}",
                    "product_added",
                    choose.choice(("web", "app")),
                    now_ms,
                    identifiers,
                    cart_id=f"c-{number}",
                    items=(Item("A", 1, 999, "EUR"),),
                )
                self.sent[event.event_id] = account
                self._installation.send(event)
                number += 1

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._installation.flush()


def kill_at_random(installation: Installation, workers: list[Worker], seed: int, kills: int) -> None:
    """Kill one worker after the other; some start again at once, some only when the group has noticed."""
    choose = random.Random(seed)
    for _ in range(kills):
        time.sleep(choose.uniform(*choose.choice(GAPS_SECONDS)))
        victim = choose.randrange(len(workers))
        workers[victim].kill()
        time.sleep(choose.choice((0.0, 0.0, 0.5, 2.0)))
        workers[victim] = installation.start()


def assert_exact(installation: Installation, sent: dict[str, str]) -> None:
    """Every event counts once at its customer, and each cart has exactly one trigger."""
    counted = {account: state.events for account, state in installation.customers.by_account().items()}
    expected: dict[str, int] = {}
    for account in sent.values():
        expected[account] = expected.get(account, 0) + 1
    assert counted == expected

    triggers = installation.triggers()
    late = max(each.emitted_at_ms - each.trigger.due_at_ms for each in triggers)
    report(f"{len(sent)} events, {len(triggers)} triggers, {repeated(triggers)} of them again, at most {late} ms late")
    assert contradictions(triggers) == []
    assert {each.trigger.caused_by for each in triggers} == set(sent)
    assert len({each.trigger.trigger_id for each in triggers}) == len(sent)
    assert all(each.emitted_at_ms >= each.trigger.due_at_ms for each in triggers)


@pytest.mark.kafka
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("store", "kills"), [("memory", 50), ("rocksdb", 12)])
def test_b38_killed_at_random_moments_every_event_counts_once_and_no_trigger_is_missing_or_twofold(
    install: Install, store: str, kills: int
) -> None:
    installation = install(carts("2s"), store=store)
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    traffic = Traffic(installation, seed=38)

    kill_at_random(installation, workers, seed=kills, kills=kills)
    traffic.stop()

    installation.settle()
    assert_exact(installation, traffic.sent)
