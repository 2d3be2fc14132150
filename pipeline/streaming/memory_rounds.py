"""Cuts a stream of events into rounds for the in-memory bus, and disturbs their delivery on purpose.

All of a round is handed over, then everything settles, then the clock moves to the latest event time handed over.
Rounds are a function of the stream alone, and no interleaving inside one can change what comes of it:

- An event that goes back in time begins a round, so that it arrives late, as it would have.
- An identifier seen beside different anchors at the same instant begins a round. On Kafka, whose a device is that two
  people log in on at once is decided by which record is handled first; here, by the order of the stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_identity import Observed
from pipeline.streaming.ingest import Ingested

ROUND_EVENTS = 2_000
"""Long enough that a round's fixed cost (about 0.1 ms) does not count; bounds what is in flight at once."""


def rounds(stream: Iterable[Ingested], longest: int = ROUND_EVENTS) -> Iterator[list[Ingested]]:
    """Yield the events in order, cut as described; events of the same time are never cut for length."""
    newest_ms = 0
    current: list[Ingested] = []
    anchors: dict[str, dict[Identifier, Identifier]] = {}
    for event in stream:
        at_ms = event.occurred_at_ms
        if at_ms > newest_ms:
            anchors = {}
        cut = at_ms < newest_ms or (len(current) >= longest and at_ms > newest_ms)
        if cut or not _agrees(event, anchors):
            if current:
                yield current
            current, anchors = [], {}
            _agrees(event, anchors)
        newest_ms = max(newest_ms, at_ms)
        current.append(event)
    if current:
        yield current


def _agrees(event: Ingested, anchors: dict[str, dict[Identifier, Identifier]]) -> bool:
    """Note the identifiers of this instant under their anchor; False if one of them stands under another."""
    message = event.message
    if not isinstance(message, Observed):
        return True
    noted = anchors.setdefault(message.tenant, {})
    identifiers = message.identifiers
    anchor = identifiers[0]
    if len(identifiers) == 1:
        return noted.setdefault(anchor, anchor) == anchor
    return all(noted.setdefault(identifier, anchor) == anchor for identifier in identifiers)


class Disturbance:
    """Repeats and reorders what is handed over, on a seed."""

    def __init__(self, seed: int, duplicate: float = 0.0, shuffle: int = 0) -> None:
        """Repeat `duplicate` (0 to 1) of the events; hand events over up to `shuffle` places out of order."""
        self._random = Random(seed)
        self._duplicate = duplicate
        self._shuffle = shuffle
        self._repeats: list[Ingested] = []

    def deliveries(self, events: list[Ingested]) -> list[Ingested]:
        """Return what is handed over in a round: its events, disturbed, and repeats of it and of earlier rounds."""
        random = self._random
        if self._shuffle:
            places = [(index + random.uniform(0, self._shuffle), index) for index in range(len(events))]
            delivered = [events[index] for _, index in sorted(places)]
        else:
            delivered = list(events)
        if self._duplicate:
            delivered += self.left_over()
            repeated = [event for event in delivered if random.random() < self._duplicate]
            self._repeats += repeated[::2]
            for event in repeated[1::2]:
                delivered.insert(random.randint(0, len(delivered)), event)
        return delivered

    def left_over(self) -> list[Ingested]:
        """Take the repeats not yet handed over."""
        taken, self._repeats = self._repeats, []
        return taken
