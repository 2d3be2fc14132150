"""What the demo plays: the synthetic shop, or a file read by one of the sources. Normalised, as its readers need it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.event_types import CONTROL_TYPES
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.time import DAY_MS
from pipeline.sources import CatalogRead, Rejected, find_source
from pipeline.sources.shop import shop
from pipeline.sources.shop_customers import shopper
from pipeline.wire.normalise import Normalised, normalise

SEED: Final = 2026
START_MS: Final = 1_795_766_400_000
"""2026-11-27T08:00:00Z, a Friday in November. Fixed, as the seed is: each run tells the same story."""
HOURS: Final = 8.0
AFTER_MS: Final = DAY_MS
"""How far the clock runs on behind the last event, so that what waits then (a cart's hour) still happens."""

Names = dict[tuple[str, str], str]


class Stream(Struct, frozen=True):
    """Events in time order, read anew by each call of `events`. Times in ms; `names`: identifier to customer's name."""

    title: str
    events: Callable[[], Iterator[Normalised | Rejected]]
    count: int
    channels: tuple[str, ...]
    first_ms: int
    last_ms: int
    names: Names

    @property
    def end_ms(self) -> int:
        """When the clock stops."""
        return self.last_ms + AFTER_MS


def shop_stream(customers: int, identity: IdentityConfig) -> Stream:
    """Return eight hours of a shop with so many customers."""
    told = [normalise(event, identity) for event in shop(SEED, customers, START_MS, HOURS)]
    names: Names = {}
    for number in range(customers):
        who = shopper(SEED, number)
        known = {"account": who.account, "email": who.email, "phone": who.phone, "loyalty": who.loyalty or ""}
        names.update(dict.fromkeys(known.items(), who.name))
    return _stream(f"{HOURS:.0f} hours of a shop with {customers} customers", lambda: iter(told), names)


def file_stream(path: Path, source_name: str, identity: IdentityConfig) -> Stream:
    """Return a file or folder, looked through once for its channels and times. Raises SourceError."""
    source = find_source(source_name)

    def events() -> Iterator[Normalised | Rejected]:
        for read in source.read(path):
            if isinstance(read, Rejected):
                yield read
                continue
            if isinstance(read, CatalogRead):
                problem = "the demo plays events; a catalogue is put onto its topics by omni publish"
                yield read.rejected(InvalidEvent(InvalidReason.BAD_VALUE, problem))
                continue
            try:
                normalised = normalise(read.event, identity)
            except InvalidEvent as error:
                yield read.rejected(error)
                continue
            if normalised.event.event_type not in CONTROL_TYPES:
                yield normalised

    return _stream(f"{path} ({source_name})", events, {})


def paced(stream: Stream, seconds: float, wait: Callable[[float], None]) -> Iterator[Normalised | Rejected]:
    """Yield the stream so that it takes `seconds`; `wait(seconds)` is called until it is the next one's turn."""
    scale = seconds / max(stream.last_ms - stream.first_ms, 1)
    began = time.monotonic()
    for read in stream.events():
        if isinstance(read, Normalised):
            due = began + (read.event.occurred_at_ms - stream.first_ms) * scale
            while (left := due - time.monotonic()) > 0:
                wait(left)
        yield read


def _stream(title: str, events: Callable[[], Iterator[Normalised | Rejected]], names: Names) -> Stream:
    count = 0
    channels: set[str] = set()
    first_ms = last_ms = None
    for read in events():
        count += 1
        if isinstance(read, Normalised):
            channels.add(read.event.channel)
            at_ms = read.event.occurred_at_ms
            first_ms = at_ms if first_ms is None else min(first_ms, at_ms)
            last_ms = at_ms if last_ms is None else max(last_ms, at_ms)
    return Stream(title, events, count, tuple(sorted(channels)), first_ms or 0, last_ms or 0, names)
