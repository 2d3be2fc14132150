"""A worker dies while a product tells those who wait for it: nobody hears twice, nobody beyond the stock."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.topics import CATALOG_STOCK, prefixed
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation, report
from tests.harness.reading import contradictions
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

RULES = "version: test\nrules:\n  - {name: there_again, kind: back_in_stock, kept_for: 1h}\n"
WAITING, PIECES = 3_000, 2_000


def asked(number: int, now_ms: int) -> ChannelEvent:
    return ChannelEvent(
        f"e-{number}", "stock_alert_requested", "web", now_ms + number, {"account": f"u-{number}"}, items=(Item("A"),)
    )


def tell_stock(installation: Installation, omni: Omni, folder: Path, pieces: int) -> None:
    """Publish how many pieces there are, and wait until that has gone to the product."""
    update = {"sku": "A", "mode": "full", "levels": {"": pieces}, "update_id": f"s-{pieces}"}
    path = folder / f"stock-{pieces}.jsonl"
    path.write_text(json.dumps(update | {"updated_at": int(time.time() * 1000)}) + "\n")
    done = omni("publish", path, "--topic", CATALOG_STOCK, "--json", env=installation.environment)
    assert done.code == 0, done.stderr
    topic = prefixed(installation.settings, CATALOG_STOCK)
    wait_until(lambda: installation.lag_of([topic]) == 0, "the stock is taken in")


def test_b30_a_worker_killed_in_the_middle_of_a_wave_tells_nobody_twice_and_nobody_beyond_the_stock(
    install: Install, omni: Omni, tmp_path: Path
) -> None:
    installation = install(RULES)
    doomed, other = installation.start(), installation.start()
    installation.flowing(doomed, other)
    tell_stock(installation, omni, tmp_path, 0)
    began_ms = int(time.time() * 1000) - WAITING
    installation.publish(asked(number, began_ms) for number in range(WAITING))
    installation.settle()

    tell_stock(installation, omni, tmp_path, PIECES)
    wait_until(installation.triggers, "the first are told")
    doomed.kill()
    before = len(installation.triggers())
    report(f"killed when {before} of {PIECES} had been told")
    assert before < PIECES
    third = installation.start()
    installation.flowing(third)
    installation.settle()

    told = installation.triggers()
    assert contradictions(told) == []
    assert len({each.trigger.trigger_id for each in told}) == PIECES
    assert len({each.trigger.customer_id for each in told}) == PIECES
    assert {each.trigger.caused_by for each in told} == {f"s-{PIECES}"}
