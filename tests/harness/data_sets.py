"""Other people's data sets beside the project, as events, and what their own README counts in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pipeline.domain.events import ChannelEvent
from pipeline.sources import Read, find_source
from tests.harness.rees46 import DATA, sample

FILES: Final = {
    "cdnow": DATA / "cdnow" / "transactions_dev.csv",
    "complete_journey": DATA / "complete_journey" / "transactions_dev.csv.gz",
    "online_retail": DATA / "online_retail_germany" / "germany.csv",
    "retentioneering": DATA / "retentioneering_ecom" / "ecom.csv.gz",
}
"""By source. Of complete_journey, the products lie beside."""


def file_of(source: str) -> Path:
    """Return the file; see `sample` for what its absence means."""
    return sample(FILES[source])


@cache
def events_of(source: str) -> tuple[ChannelEvent, ...]:
    """Return all events, none of which is rejected."""
    lines = list(find_source(source).read(file_of(source)))
    events = tuple(line.event for line in lines if isinstance(line, Read))
    assert len(events) == len(lines)
    return events
