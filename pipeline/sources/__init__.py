"""Other people's data as channel events and records of the catalogue: one file per source, found by name.

A source outside this project is a class found by an entry point in the group `omni.sources`.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from pipeline.domain.catalog import CatalogRecord
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent
from pipeline.errors import USAGE, OmniError

ENTRY_POINTS: Final = "omni.sources"
DEFAULT: Final = "channel_event"
SOURCES: Final[dict[str, str]] = {
    "cdnow": "pipeline.sources.cdnow:Cdnow",
    "channel_event": "pipeline.sources.channel_event:ChannelEvents",
    "complete_journey": "pipeline.sources.complete_journey:CompleteJourney",
    "online_retail": "pipeline.sources.online_retail:OnlineRetail",
    "product": "pipeline.sources.catalog:Products",
    "rees46": "pipeline.sources.rees46:Rees46",
    "retentioneering": "pipeline.sources.retentioneering:Retentioneering",
    "shopify_catalog": "pipeline.sources.shopify_catalog:ShopifyCatalog",
    "stock_level": "pipeline.sources.catalog:StockLevels",
}
"""Name to `module:class` of the sources that come with the project."""


class Read(Struct, frozen=True):
    """An event and the line it was read from; the first of several lines, which are all in `original`."""

    path: str
    line: int
    original: bytes
    event: ChannelEvent

    def rejected(self, error: InvalidEvent) -> Rejected:
        """Return the same line as one that was refused after all."""
        return Rejected(self.path, self.line, error.reason, error.detail, self.original)


class CatalogRead(Struct, frozen=True):
    """A record of the catalogue and the line it was read from."""

    path: str
    line: int
    original: bytes
    record: CatalogRecord

    def rejected(self, error: InvalidEvent) -> Rejected:
        """Return the same line as one that was refused after all."""
        return Rejected(self.path, self.line, error.reason, error.detail, self.original)


class Rejected(Struct, frozen=True):
    """A line that is no event, and no record: where it stands, why, and how it read."""

    path: str
    line: int
    reason: InvalidReason
    detail: str
    original: bytes

    def __str__(self) -> str:
        return f"{self.path}: line {self.line}: {self.reason}: {self.detail}"


Line: TypeAlias = Read | Rejected
"""Of a source of events."""
CatalogLine: TypeAlias = CatalogRead | Rejected
"""Of a source of a catalogue."""
AnyLine: TypeAlias = Line | CatalogLine


class SourceError(OmniError):
    """A file cannot be read with this source at all: the message says which, why, and what to do."""

    exit_code = USAGE


class Source(Protocol):
    """Reads files of one kind.

    The same file gives the same events and records, ids included, in the order of the file, or of time where a file
    stands by customer. What is wrong with one line is a `Rejected` in its place and stops nothing; what is wrong with
    the whole file raises SourceError.
    """

    def read(self, path: Path) -> Iterator[AnyLine]:
        """Read one file, or a folder where the source comes as several."""


def source_names() -> list[str]:
    """Return the names of all sources, sorted."""
    return sorted({*SOURCES, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def find_source(name: str) -> Source:
    """Return the source called `name`. Raises SourceError naming the nearest one."""
    if name in SOURCES:
        module, _, attribute = SOURCES[name].partition(":")
        found: Source = getattr(import_module(module), attribute)()
        return found
    for point in entry_points(group=ENTRY_POINTS, name=name):
        outside: Source = point.load()()
        return outside
    known = source_names()
    near = get_close_matches(name, known, 1)
    remedy = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
    raise SourceError(f"There is no source called {name}. {remedy}")
