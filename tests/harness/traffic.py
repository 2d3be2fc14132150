"""Carts that come all the time, and what must have become of them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from pipeline.domain.events import ChannelEvent, Item
from tests.harness.installation import Installation, report
from tests.harness.reading import contradictions, repeated

CUSTOMERS = 8_000
"""So many that nobody has twenty carts open, however long the workers are away: the twenty-first evicts one."""
EVENTS_PER_SECOND = 250


class Traffic:
    """A thread that publishes carts, each of them abandoned, until it is stopped."""

    def __init__(self, installation: Installation, seed: int) -> None:
        #: Event id to account.
        self.sent: dict[str, str] = {}
        self._installation = installation
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            for _ in range(EVENTS_PER_SECOND // 10):
                self._send()

    def _send(self) -> None:
        number = len(self.sent)
        account = f"u-{self._random.randrange(CUSTOMERS)}"
        event = ChannelEvent(
            f"e-{number}",
            "product_added",
            self._random.choice(("web", "app")),
            int(time.time() * 1000),
            {"account": account, "cookie": f"{account}-{self._random.randrange(3)}"},
            cart_id=f"c-{number}",
            items=(Item("A", 1, 999, "EUR"),),
        )
        self.sent[event.event_id] = account
        self._installation.send(event)

    def stop(self) -> None:
        """Stop, and wait until the broker has everything."""
        self._stopping.set()
        self._thread.join()
        self._installation.flush()


def assert_exact(installation: Installation, sent: dict[str, str]) -> None:
    """Every event counts once at its customer, and each cart has exactly one reminder, none of them early."""
    counted = {account: state.events for account, state in installation.customers.by_account().items()}
    assert counted == Counter(sent.values())

    triggers = installation.triggers()
    lateness = sorted(each.emitted_at_ms - each.trigger.due_at_ms for each in triggers)
    report(
        f"{len(sent)} events, {len(triggers)} triggers, {repeated(triggers)} of them copies; late by "
        f"{lateness[len(lateness) // 2]} ms (median), {lateness[-1]} ms (most)"
    )
    assert contradictions(triggers) == []
    assert {each.trigger.caused_by for each in triggers} == set(sent)
    assert len({each.trigger.trigger_id for each in triggers}) == len(sent)
    assert lateness[0] >= 0
