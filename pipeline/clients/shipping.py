"""Reads files with a source and publishes what they hold: the shared half of `omni publish` and `omni replay`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from pipeline.clients.publisher import Publisher
from pipeline.clients.resume import Bookmark
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import CONTROL_TYPES
from pipeline.domain.events import ChannelEvent
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.sources import DEFAULT, CatalogRead, Read, Rejected, find_source
from pipeline.topics import CATALOG_PRODUCTS, CATALOG_STOCK
from pipeline.wire.catalog import told
from pipeline.wire.normalise import normalise

FLUSH_EVERY: Final = 5_000
"""Events between two bookmarks: at most so many are sent twice after a crash."""
REJECTS_SHOWN: Final = 100
SOURCE_OF: Final = {CATALOG_PRODUCTS: "product", CATALOG_STOCK: "stock_level"}
"""What a topic says of lines in our own form."""


class Shipment(Struct):
    """What came of it. `skipped` are lines that an earlier, interrupted run had published."""

    published: int = 0
    rejected: int = 0
    skipped: int = 0
    seconds: float = 0.0


class Shipper:
    """Publishes events and records of the catalogue, counts and prints what is rejected, and keeps a bookmark."""

    def __init__(
        self,
        settings: Settings,
        publisher: Publisher,
        source_name: str,
        topic: str | None = None,
        restart: bool = False,
        before: Callable[[ChannelEvent], None] | None = None,
        *,
        note: Callable[[int], None],
        say: Callable[[str], None],
    ) -> None:
        """`topic` takes everything; one of the catalogue says of what kind the lines of the default source are.

        `before` is called with each event just before it is sent: to wait, or to move the clock.

        `note` is told after each line how many are done, `say` what people should know.
        Raises SourceError where there is no such source, IdentityFileError where identity.yaml is wrong.
        """
        self._settings = settings
        self._publisher = publisher
        self._destination = (publisher.cluster, settings.topic_prefix, topic or "", source_name)
        self._source = find_source(SOURCE_OF.get(topic or "", DEFAULT) if source_name == DEFAULT else source_name)
        self._identity = load_identity(settings.identity_file)
        self._restart = restart
        self._before = before
        self._reasons: Counter[str] = Counter()
        self._note = note
        self._say = say
        self._lines = 0
        self._began = time.monotonic()
        self.shipment = Shipment()

    def ship(self, paths: Sequence[Path]) -> Shipment:
        """Publish `paths` in the order given. Raises SourceError, BrokerError."""
        bookmarks = [Bookmark(self._settings.data_dir, path, self._destination) for path in paths]
        for path, bookmark in zip(paths, bookmarks, strict=True):
            if self._restart:
                bookmark.forget()
            self._ship_one(path, bookmark)
        for bookmark in bookmarks:  # only now: whatever comes in between, what is through is not sent again
            bookmark.forget()
        self.shipment.seconds = round(time.monotonic() - self._began, 3)
        hidden = self.shipment.rejected - REJECTS_SHOWN
        if hidden > 0:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self._reasons.most_common())
            self._say(f"… and {hidden} more rejected; all in all {reasons}")
        return self.shipment

    def _ship_one(self, path: Path, bookmark: Bookmark) -> None:
        skip = bookmark.done
        if skip:
            self._say(f"{path}: goes on behind line {skip}, where it stopped; --restart begins again")
        done = 0
        try:
            for done, read in enumerate(self._source.read(path), 1):
                self._lines += 1
                if done <= skip:
                    self.shipment.skipped += 1
                    continue
                if isinstance(read, Rejected):
                    self._reject(read)
                elif isinstance(read, CatalogRead):
                    self._send_record(read)
                else:
                    self._send(read)
                if done % FLUSH_EVERY == 0:
                    self._publisher.flush()
                    bookmark.advance(done)
                self._note(self._lines)
        except KeyboardInterrupt:
            self._publisher.flush()
            bookmark.advance(max(skip, done - 1))  # the one in hand may not have left
            raise
        self._publisher.flush()
        bookmark.advance(done)

    def _send(self, read: Read) -> None:
        try:
            normalised = normalise(read.event, self._identity)
            event = normalised.event
            if event.event_type in CONTROL_TYPES:
                self._publisher.control(event.event_type, event.occurred_at_ms)
                return
            if self._before is not None:
                self._before(event)
            self._publisher.send(event, normalised.identifiers)
        except InvalidEvent as error:
            self._reject(read.rejected(error))
            return
        self.shipment.published += 1

    def _send_record(self, read: CatalogRead) -> None:
        try:
            self._publisher.send_record(read.record, told(read.record))
        except InvalidEvent as error:
            self._reject(read.rejected(error))
            return
        self.shipment.published += 1

    def _reject(self, line: Rejected) -> None:
        self.shipment.rejected += 1
        self._reasons[line.reason] += 1
        if self.shipment.rejected <= REJECTS_SHOWN:
            self._say(f"rejected: {line}")


def summary(shipment: Shipment) -> str:
    """Say in one line what came of it."""
    rate = shipment.published / shipment.seconds if shipment.seconds else 0
    said = f"{shipment.published} published in {shipment.seconds:.1f} s ({rate:.0f}/s)"
    said += f", {shipment.rejected} rejected" if shipment.rejected else ""
    return said + (f", {shipment.skipped} had been published before" if shipment.skipped else "")
