"""Reports on the data itself, on both engines: its flaws, and channels that fell silent."""

from __future__ import annotations

import pytest

from pipeline.domain.time import HOUR_MS, rfc3339
from pipeline.history.engine import Engine
from tests.history_rows import TEN_O_CLOCK
from tests.integration.reports.answers import asked

pytestmark = pytest.mark.clickhouse


def test_flaws_of_the_data_are_counted_by_channel(engine: Engine) -> None:
    rows = asked(engine, "data_quality", "flaws")

    found = {(row["channel"], row["check"]): (row["rows"], row["of"]) for row in rows}
    assert found == {
        ("web", "unknown event type"): (1, 3),
        ("web", "came more than a day late"): (1, 3),
        ("web", "from the future"): (1, 3),
        ("web", "no session"): (1, 3),
        ("web", "no products"): (1, 3),
        ("pos", "order worth nothing"): (1, 1),
        ("pos", "order without a currency"): (1, 1),
        ("pos", "no products"): (1, 1),
        ("channel.web", "refused: undecodable"): (1, 0),
        ("channel.web", "refused: bad_time"): (1, 0),
    }


def test_a_silent_channel_is_seen_with_the_delay_of_what_came_last(engine: Engine) -> None:
    seen_at = rfc3339(TEN_O_CLOCK + HOUR_MS)

    store, web = asked(engine, "freshness", "shop", now=seen_at)

    assert (store["channel"], store["events"], store["silent_seconds"]) == ("pos", 1, 3_600)
    assert (web["channel"], web["events"], web["silent_seconds"]) == ("web", 5, 1_800)
    assert web["last_event_at"] == "2026-11-24 10:29:59"
    assert (web["delay_median_seconds"], web["delay_p99_seconds"]) == (0.04, 0.04)
