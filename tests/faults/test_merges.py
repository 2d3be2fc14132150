"""Customers that turn out to be one, on Kafka, with workers killed while they merge."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.events import ChannelEvent
from tests.conftest import Omni
from tests.faults.test_kills import kill_at_random
from tests.harness.fixtures import Install
from tests.harness.history import history_process
from tests.harness.installation import Installation, report
from tests.harness.rounds import ROUNDS
from tests.harness.waiting import wait_until
from tests.simulation.identity_model import NO_LIMITS, expected, random_stream

pytestmark = [pytest.mark.kafka, pytest.mark.soak, pytest.mark.timeout(600)]

UNLIMITED = "limits: {account: none, default: none}\ncustomers_per_value: none\nmerge_cap: none\n"
NO_RULES = "version: 1\nrules: []\n"
PIECES = 40


def households(seed: int, groups: int) -> list[ChannelEvent]:
    """Return streams of a few people each, mixed: what they looked at and ordered, in several channels."""
    streams = [random_stream(seed * 1_000 + number) for number in range(groups)]
    return [
        _of_group(stream[place], number)
        for place in range(len(streams[0]))
        for number, stream in enumerate(streams)
        if stream[place].event_type not in ("product_added", "cart_updated")  # their order of arrival matters
    ]


def _of_group(event: ChannelEvent, number: int) -> ChannelEvent:
    return replace(
        event,
        event_id=f"{number}-{event.event_id}",
        channel="web" if event.channel == "pos" else event.channel,
        identifiers={kind: _of(number, kind, value) for kind, value in event.identifiers.items()},
        order_id=event.order_id and f"{number}-{event.order_id}",
    )


def _of(number: int, kind: str, value: str) -> str:
    return f"+49170{number:03}{value[-4:]}" if kind == "phone" else f"{number}-{value}"  # a phone number stays one


def facts(customer: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on the order of arrival. Carts are empty but for the mark of the order that named them."""
    left_out = ("merged_from", "last_received_at", "carts")
    return {name: value for name, value in customer.items() if name not in left_out}


def publish(installation: Installation, events: list[ChannelEvent], stop: threading.Event, seconds: float) -> None:
    for number in range(PIECES):
        piece = events[len(events) * number // PIECES : len(events) * (number + 1) // PIECES]
        installation.publish(piece)
        installation.publish(piece[::10])
        stop.wait(seconds / PIECES)


def events_in_history(omni: Omni, installation: Installation) -> dict[str, int]:
    """How many events the history shows of each customer; none before there is a history."""
    query = "SELECT customer_id, count() AS events FROM events GROUP BY customer_id"
    done = omni("sql", query, "--json", env=installation.environment)
    return {row["customer_id"]: row["events"] for row in json.loads(done.stdout)} if done.code == 0 else {}


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_b5_workers_killed_while_customers_merge_end_with_the_customers_of_a_plain_union(
    install: Install, omni: Omni, tmp_path: Path, round_number: int
) -> None:
    identity = tmp_path / "unlimited.yaml"
    identity.write_text(UNLIMITED)
    installation = install(NO_RULES, identity_file=str(identity))
    events = households(seed=4 + round_number, groups=60)
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    stop = threading.Event()
    publisher = threading.Thread(target=publish, args=(installation, events, stop, 25.0), daemon=True)
    publisher.start()

    kill_at_random(installation, workers, seed=9 + round_number, kills=8)
    stop.set()
    publisher.join()
    installation.settle()

    found = [facts(json.loads(json.dumps(customer_json(state)))) for state in installation.customers.refresh().states()]
    wanted = [facts(customer) for customer in expected(events, NO_LIMITS)]
    report(f"{len(events)} events, {len(wanted)} customers")
    assert sorted(found, key=lambda each: each["customer_id"]) == wanted
    counted = {each["customer_id"]: each["events"] for each in wanted}
    with history_process(installation.environment, tmp_path / "history.log"):
        wait_until(lambda: events_in_history(omni, installation) == counted, "history to agree with state")
