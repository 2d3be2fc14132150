"""A worker dies while a product tells those who wait for it: nobody hears twice, nobody beyond the stock."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import Trigger
from pipeline.topics import CATALOG_STOCK, prefixed
from pipeline.wire.json_fields import time_ms
from tests.conftest import Omni
from tests.harness.fixtures import Install
from tests.harness.installation import Installation, report
from tests.harness.reading import contradictions
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

RULES = "version: test\nrules:\n  - {{name: there_again, kind: back_in_stock, kept_for: {}}}\n"
WAITING, PIECES = 9_000, 8_000


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


def waiting(installation: Installation, omni: Omni) -> int:
    """Return how many wait for the product, as anybody may ask."""
    shown = omni("product", "A", "--json", env=installation.environment)
    assert shown.code == 0, shown.stderr
    number = json.loads(shown.stdout)["waiting"]
    assert isinstance(number, int)
    return number


def test_b30_a_worker_killed_in_the_middle_of_a_wave_tells_nobody_twice_and_nobody_beyond_the_stock(
    install: Install, omni: Omni, tmp_path: Path
) -> None:
    installation = install(RULES.format("1h"))
    doomed, other = installation.start(), installation.start()
    installation.flowing(doomed, other)
    tell_stock(installation, omni, tmp_path, 0)
    began_ms = int(time.time() * 1000) - WAITING
    installation.publish(asked(number, began_ms) for number in range(WAITING))
    installation.settle()
    assert waiting(installation, omni) == WAITING

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
    assert waiting(installation, omni) == WAITING - PIECES


def told_once(installation: Installation) -> list[Trigger]:
    """Return the triggers in the order they were fired; a copy that a crash has made counts once."""
    by_id = {each.trigger.trigger_id: each.trigger for each in installation.triggers()}
    return sorted(by_id.values(), key=lambda trigger: trigger.fired_at_ms)


def test_b30_what_nobody_buys_is_offered_to_the_next_when_its_time_is_over_though_the_worker_that_kept_it_died(
    install: Install, omni: Omni, tmp_path: Path
) -> None:
    installation = install(RULES.format("1s"))  # until the next full minute: pieces are kept for whole ones
    doomed = installation.start()
    tell_stock(installation, omni, tmp_path, 0)
    began_ms = int(time.time() * 1000) - 3
    installation.publish(asked(number, began_ms) for number in range(3))
    installation.settle()

    tell_stock(installation, omni, tmp_path, 1)
    wait_until(installation.triggers, "the first is told")
    doomed.kill()
    heir = installation.start()
    installation.flowing(heir)
    wait_until(lambda: len(told_once(installation)) == 3, "the others are told, one a minute", seconds=180)

    told = told_once(installation)
    assert contradictions(installation.triggers()) == []
    assert len({each.customer_id for each in told}) == 3
    assert {each.caused_by for each in told} == {"s-1"}
    for before, after in pairwise(told):
        kept_until_ms = time_ms(before.context["kept_until"], "kept_until")
        assert kept_until_ms <= after.fired_at_ms < kept_until_ms + 30_000, "not before the time is over, and then soon"
