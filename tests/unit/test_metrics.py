"""What is counted, and under how many labels."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from pipeline import metrics


def counted(what: str, reason: str) -> float | None:
    return REGISTRY.get_sample_value("omni_counted_total", {"what": what, "reason": reason})


@pytest.mark.parametrize("what", sorted(metrics.BY_CHANNEL))
def test_channels_that_nobody_configured_share_one_label(what: str) -> None:
    before = counted(what, "other") or 0

    for channel in ("smart_mirror", "fridge"):
        metrics.count(what, channel, 2, ("web",))
    metrics.count(what, "web", 1, ("web",))

    assert (counted(what, "other") or 0) - before == 4
    assert counted(what, "web") is not None
    assert counted(what, "fridge") is None


def test_other_reasons_are_labels_of_their_own() -> None:
    metrics.count("dead_letters", "bad_time", 3, ("web",))

    assert (counted("dead_letters", "bad_time") or 0) >= 3
