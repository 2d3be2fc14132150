"""Workers killed at random moments while they join, leave and work: every event counts once, every trigger is one."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import pytest

from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.event_types import END_OF_STREAM, STREAM_TIME
from pipeline.domain.events import ChannelEvent, Item
from pipeline.wire.json_event import encode as encode_json
from tests.conftest import Omni
from tests.harness.fixtures import Install, carts
from tests.harness.installation import Installation, Worker, report
from tests.harness.reading import contradictions
from tests.harness.rounds import ROUNDS
from tests.harness.traffic import Traffic, assert_exact

pytestmark = [pytest.mark.kafka, pytest.mark.soak, pytest.mark.timeout(900)]

GAPS_SECONDS = ((0.3, 1.0), (2.0, 4.0), (2.0, 4.0), None)
"""Between two kills: while the group still forms, while tables are read back; None: until all is well, and a moment."""
TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000


def kill_at_random(installation: Installation, workers: list[Worker], seed: int, kills: int) -> None:
    """Kill one worker after the other; some start again at once, some only when the group has noticed."""
    choose = random.Random(seed)
    for _ in range(kills):
        gap = choose.choice(GAPS_SECONDS)
        if gap is None:
            installation.flowing(*workers)
        time.sleep(choose.uniform(*(gap or (0.0, 1.0))))
        victim = choose.randrange(len(workers))
        workers[victim].kill()
        time.sleep(choose.choice((0.0, 0.0, 0.5, 2.0)))
        workers[victim] = installation.start()


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize(("store", "kills"), [("memory", 50), ("rocksdb", 12)])
def test_b38_killed_at_random_moments_every_event_counts_once_and_no_trigger_is_missing_or_twofold(
    install: Install, store: str, kills: int, round_number: int
) -> None:
    installation = install(carts("2s"), store=store)
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    traffic = Traffic(installation, seed=38 + round_number)

    kill_at_random(installation, workers, seed=kills + round_number, kills=kills)
    traffic.stop()

    installation.settle()
    assert_exact(installation, traffic.sent)


def shoppers(seed: int, count: int) -> list[ChannelEvent]:
    """Return a stream in the order of time: two tenants, carts changed, emptied and bought, often at one instant.

    Everybody is logged in, so that it does not depend on who comes first whose cookie it is.
    """
    choose = random.Random(seed)
    at_ms, events = TEN, []
    for number in range(count):
        at_ms += choose.choice((0, 0, 1, 700, 5_000))
        account = f"u-{choose.randrange(150)}"
        kind = choose.choice(("product_added", "product_added", "cart_updated", "cart_emptied", "order_completed"))
        events.append(
            ChannelEvent(
                f"e-{choose.randrange(10**9)}-{number}",
                kind,
                choose.choice(("web", "app")),
                at_ms,
                {"account": account, "cookie": f"{account}-{choose.randrange(3)}"},
                choose.choice(("north", "south")),
                cart_id=choose.choice(("c1", "c2", None)),
                order_id=f"o-{number}" if kind == "order_completed" else None,
                items=tuple(Item(f"S-{choose.randrange(9)}", 1, 1_999, "EUR") for _ in range(choose.randint(1, 3))),
            )
        )
    return events


def play(installation: Installation, events: list[ChannelEvent], seconds: float, stop: threading.Event) -> None:
    """Publish in the order of time, one in ten twice, saying now and then how far it has come; take `seconds`."""
    pieces = 40
    for number in range(pieces):
        piece = events[len(events) * number // pieces : len(events) * (number + 1) // pieces]
        installation.publish(piece)
        installation.publish(piece[::10])
        if piece:
            installation.control(STREAM_TIME, piece[-1].occurred_at_ms - 1)  # another of that instant may come
        stop.wait(seconds / pieces)


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_b38_on_event_time_workers_that_are_killed_end_where_the_simulation_does(
    install: Install, omni: Omni, tmp_path: Path, round_number: int
) -> None:
    events = shoppers(seed=6 + round_number, count=4_000)
    end_ms = events[-1].occurred_at_ms + 90 * MINUTE
    installation = install(carts("30m"), clock="event")
    workers = [installation.start(), installation.start()]
    installation.flowing(*workers)
    stop = threading.Event()
    player = threading.Thread(target=play, args=(installation, events, 50.0, stop), daemon=True)
    player.start()

    kill_at_random(installation, workers, seed=5 + round_number, kills=14)
    stop.set()
    player.join()
    installation.control(END_OF_STREAM, end_ms)
    installation.settle(end_ms)

    file, out = tmp_path / "events.jsonl", tmp_path / "out"
    file.write_bytes(b"".join(encode_json(event) + b"\n" for event in events))
    disturbed = ("--partitions", 3, "--seed", 1, "--duplicate", 0.1, "--crash", 0.1)
    done = omni("simulate", file, "--rules", installation.rules_file, "--until", end_ms, "--out", out, *disturbed)
    assert done.code == 0, done.stderr
    sent = installation.triggers()
    assert contradictions(sent) == []
    simulated = [json.loads(line) for line in (out / "triggers.jsonl").read_text().splitlines()]
    report(f"{len(simulated)} triggers, {len(sent)} sent")
    assert {(each.trigger.trigger_id, each.trigger.status) for each in sent} == {
        (trigger["trigger_id"], trigger["status"]) for trigger in simulated
    }
    customers = [json.dumps(customer_json(state), sort_keys=True) for state in installation.customers.states()]
    wanted = [json.dumps(json.loads(line), sort_keys=True) for line in (out / "customers.jsonl").open()]
    assert sorted(customers) == sorted(wanted)
