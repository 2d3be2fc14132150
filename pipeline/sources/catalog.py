"""Records of the catalogue in our own form, of one kind alone, so that a line says what it lacks as such."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.domain.catalog import CatalogRecord
from pipeline.sources import CatalogLine, CatalogRead, Rejected
from pipeline.sources.channel_event import SUFFIXES
from pipeline.sources.files import decoded, files_in, lines_of
from pipeline.wire.json_catalog import decode_product, decode_stock_level


class Products:
    """Products as JSON, one object a line."""

    def read(self, path: Path) -> Iterator[CatalogLine]:
        """Read a file, standard input (`-`), or every file of a folder."""
        return _lines(path, decode_product)


class StockLevels:
    """Stock levels as JSON, one object a line."""

    def read(self, path: Path) -> Iterator[CatalogLine]:
        """Read a file, standard input (`-`), or every file of a folder."""
        return _lines(path, decode_stock_level)


def _lines(path: Path, decode: Callable[[bytes], CatalogRecord]) -> Iterator[CatalogLine]:
    for file in files_in(path, SUFFIXES):
        for found in decoded(file, lines_of(file), decode):
            yield found if isinstance(found, Rejected) else CatalogRead(str(file), *found)
