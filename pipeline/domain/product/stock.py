"""How many pieces of a product there are, by store and size.

What is told of one cell (a size in a store) settles by (time, version): the later level holds, of two told at once the
lower. A whole store, or everything at once, is told as levels of which those not named are 0. Deltas count on top of
the level that was before them; so the result is the same in whatever order, and how often, all this arrives, as long
as no more than `DELTAS_KEPT` deltas lie between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.catalog import DELTA, FULL, LEVEL
from pipeline.domain.customer.as_json import Json
from pipeline.domain.customer.recent import event_key
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import StockTold

CELLS_KEPT = 5_000
"""Cells per SKU, some 80 KB of state: 1,000 stores of five sizes. Beyond it, empty ones go first, then what was told of
longest ago."""

DELTAS_KEPT = 64
"""Deltas remembered per SKU, by the ids of their updates: those of a minute of a product that sells by the second. The
earliest is then added to its level, which counts as told at that time."""

Stamp: TypeAlias = tuple[int, int]
"""Time (ms) and version of an update."""


class Cell(Struct, frozen=True, array_like=True, gc=False):
    """Pieces of one size in one store, all told up to `at_ms`; below zero where deltas took more than there was."""

    pieces: int
    at_ms: int
    version: int = 0

    @property
    def stamp(self) -> Stamp:
        """When it was told."""
        return self.at_ms, self.version


class Store(Struct, frozen=True, array_like=True, gc=False):
    """The cells of one store. When it was told of as a whole; what is not among `sizes` was 0 then."""

    at_ms: int = 0
    version: int = 0
    sizes: dict[str, Cell] = {}

    @property
    def stamp(self) -> Stamp:
        """When it was told of as a whole."""
        return self.at_ms, self.version


class Delta(Struct, frozen=True, array_like=True, gc=False):
    """Pieces that came or went after what the cell's level says. `update` is the hash of the id of its update."""

    at_ms: int
    version: int
    update: bytes
    store: str
    size: str
    pieces: int

    @property
    def stamp(self) -> Stamp:
        """When it was told."""
        return self.at_ms, self.version


class _Place(NamedTuple):
    """Where a cell is, and what speaks against leaving it out."""

    is_filled: bool
    stamp: Stamp
    store: str
    size: str | None


_NO_STORE = Store()


class Stock(Struct, frozen=True, array_like=True, gc=False):
    """The cells of all stores. When all of them were told of at once; what is not among `stores` was 0 then."""

    at_ms: int = 0
    version: int = 0
    stores: dict[str, Store] = {}
    deltas: tuple[Delta, ...] = ()

    @property
    def stamp(self) -> Stamp:
        """When all was told of at once."""
        return self.at_ms, self.version

    def told(self, message: StockTold) -> tuple[Stock, Sequence[Effect]]:
        """Take in an update; what is older than what is known is ignored and counted."""
        after, effects = self._added(message) if message.mode == DELTA else self._stated(message)
        return (self, effects) if after == self else (after, effects)

    def available(self, size: str | None = None) -> int:
        """Return how many pieces there are, of `size` where the product has sizes."""
        by_size = self.by_size()
        if size is None or not by_size.keys() - {""}:
            return sum(by_size.values())
        return by_size.get(size, 0)

    def by_size(self) -> dict[str, int]:
        """Return size to pieces in all stores together; sizes that are sold out are left out."""
        found: dict[str, int] = {}
        for store in self.stores.values():
            for size, cell in store.sizes.items():
                if cell.pieces > 0:
                    found[size] = found.get(size, 0) + cell.pieces
        for (name, size), added in sorted(self._added_up().items()):
            level = self._cell(name, size).pieces
            found[size] = found.get(size, 0) + max(0, level + added) - max(0, level)
        return {size: pieces for size, pieces in found.items() if pieces}

    def levels(self) -> dict[str, dict[str, int]]:
        """Return store to size to pieces, without what is sold out."""
        found = {name: {size: cell.pieces for size, cell in store.sizes.items()} for name, store in self.stores.items()}
        for delta in self.deltas:
            sizes = found.setdefault(delta.store, {})
            sizes[delta.size] = sizes.get(delta.size, 0) + delta.pieces
        filled = {name: {size: pieces for size, pieces in sizes.items() if pieces > 0} for name, sizes in found.items()}
        return {name: sizes for name, sizes in filled.items() if sizes}

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about stock: what is not there is 0."""
        return {
            "stock": {store: dict(sorted(sizes.items())) for store, sizes in sorted(self.levels().items())},
        }

    # --- levels -------------------------------------------------------------------------------------------------

    def _stated(self, message: StockTold) -> tuple[Stock, Sequence[Effect]]:
        stamp = (message.updated_at_ms, message.version)
        of_all, of_store = message.mode == FULL, message.mode != LEVEL
        named: dict[str, dict[str, int]] = {}
        for store, size, pieces in message.levels:
            named.setdefault(store, {})[size] = pieces
        everything = max(self.stamp, stamp) if of_all else self.stamp
        is_late = of_all and stamp < self.stamp
        stores = {} if of_all else dict(self.stores)
        for name in sorted({*self.stores, *named}) if of_all else named:
            known = self.stores.get(name, _NO_STORE)
            floor = max(self.stamp, known.stamp)
            is_late = is_late or (of_store and stamp < floor)
            cells = {size: cell for size, cell in known.sizes.items() if not of_store or cell.stamp > stamp}
            for size, pieces in named.get(name, {}).items():
                cell = known.sizes.get(size) or Cell(0, *floor)
                is_late = is_late or stamp < cell.stamp
                cells[size] = _holding(cell, Cell(pieces, *stamp))
            whole = max(known.stamp, stamp) if of_store and not of_all else known.stamp
            tidy = _tidy(Store(*whole, cells), everything)
            stores.pop(name, None)
            if tidy is not None:
                stores[name] = tidy
        bounded, effects = _bounded(Stock(*everything, stores))
        deltas = tuple(each for each in self.deltas if each.stamp > bounded._cell(each.store, each.size).stamp)
        if is_late:
            effects = (*effects, Count("catalog_ignored", "late_stock"))
        return replace(bounded, deltas=deltas), effects

    def _cell(self, store: str, size: str) -> Cell:
        known = self.stores.get(store, _NO_STORE)
        return known.sizes.get(size) or Cell(0, *max(self.stamp, known.stamp))

    # --- deltas -------------------------------------------------------------------------------------------------

    def _added(self, message: StockTold) -> tuple[Stock, Sequence[Effect]]:
        update = event_key(message.update_id)
        if any(known.update == update for known in self.deltas):
            return self, (Count("catalog_ignored", "repeated_delta"),)
        stamp = (message.updated_at_ms, message.version)
        fresh = [
            Delta(*stamp, update, store, size, pieces)
            for store, size, pieces in message.levels
            if stamp > self._cell(store, size).stamp
        ]
        effects: list[Effect] = []
        if len(fresh) < len(message.levels):
            effects.append(Count("catalog_ignored", "late_delta"))
        after = replace(self, deltas=tuple(sorted((*self.deltas, *fresh), key=_order)))
        added = after._added_up()
        taken = {(each.store, each.size) for each in fresh if each.pieces < 0}
        if any(self._cell(*cell).pieces + added[cell] < 0 for cell in taken):
            effects.append(Count("stock_below_zero", "delta"))
        bounded, evictions = _bounded(after._with_earliest_in_their_levels())
        return bounded, (*effects, *evictions)

    def _added_up(self) -> dict[tuple[str, str], int]:
        """Return store and size to what the deltas there are together."""
        found: dict[tuple[str, str], int] = {}
        for each in self.deltas:
            found[each.store, each.size] = found.get((each.store, each.size), 0) + each.pieces
        return found

    def _with_earliest_in_their_levels(self) -> Stock:
        """Add the earliest deltas beyond `DELTAS_KEPT` to the levels of their cells, with those of the same time there.

        One update may bring thousands, so all at once.
        """
        excess = len(self.deltas) - DELTAS_KEPT
        if excess <= 0:
            return self
        of_time = Counter((each.stamp, each.store, each.size) for each in self.deltas)  # the earliest first
        gone = set()
        for place, number in of_time.items():
            if excess <= 0:
                break
            gone.add(place)
            excess -= number
        changed: dict[str, dict[str, Cell]] = {}
        kept: list[Delta] = []
        for each in self.deltas:
            if (each.stamp, each.store, each.size) not in gone:
                kept.append(each)
                continue
            if each.store not in changed:
                changed[each.store] = dict(self.stores.get(each.store, _NO_STORE).sizes)
            cell = changed[each.store].get(each.size) or self._cell(each.store, each.size)
            changed[each.store][each.size] = Cell(cell.pieces + each.pieces, *each.stamp)
        stores = {name: replace(self.stores.get(name, _NO_STORE), sizes=sizes) for name, sizes in changed.items()}
        return replace(self, stores=self.stores | stores, deltas=tuple(kept))


def changes(before: dict[str, int], after: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return size to pieces before and after, of those sizes that have more or fewer.

    >>> changes({"38": 1, "40": 2}, {"40": 2, "42": 3})
    {'38': (1, 0), '42': (0, 3)}
    """
    both = ((size, before.get(size, 0), after.get(size, 0)) for size in sorted({*before, *after}))
    return {size: (was, now) for size, was, now in both if was != now}


def _holding(one: Cell, other: Cell) -> Cell:
    """The later of two; of two told at once the one that promises less."""
    if one.stamp == other.stamp:
        return one if one.pieces <= other.pieces else other
    return max(one, other, key=lambda cell: cell.stamp)


def _tidy(store: Store, everything: Stamp) -> Store | None:
    """Leave out what says no more than that all of the store, or all of the product, was told of at once."""
    floor = max(store.stamp, everything)
    sizes = {size: cell for size, cell in store.sizes.items() if cell.pieces or cell.stamp > floor}
    whole = store.stamp if store.stamp > everything else (0, 0)
    return Store(*whole, sizes) if sizes or whole > everything else None


def _order(delta: Delta) -> tuple[Stamp, bytes, str, str]:
    return delta.stamp, delta.update, delta.store, delta.size


def _bounded(stock: Stock) -> tuple[Stock, tuple[Effect, ...]]:
    """Return the stock within `CELLS_KEPT`."""
    excess = sum(max(1, len(store.sizes)) for store in stock.stores.values()) - CELLS_KEPT
    if excess <= 0:
        return stock, ()
    places = [
        _Place(cell.pieces > 0, cell.stamp, name, size)
        for name, store in stock.stores.items()
        for size, cell in store.sizes.items()
    ]
    places += [_Place(False, store.stamp, name, None) for name, store in stock.stores.items() if not store.sizes]
    gone = sorted(places, key=lambda place: (place.is_filled, place.stamp, place.store, place.size or ""))[:excess]
    stores = dict(stock.stores)
    for place in gone:
        store = stores[place.store]
        sizes = {size: cell for size, cell in store.sizes.items() if size != place.size}
        if sizes:
            stores[place.store] = replace(store, sizes=sizes)
        else:
            del stores[place.store]
    return replace(stock, stores=stores), (Count("evictions", "stock"),)
