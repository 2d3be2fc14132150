"""What stores hold in a size: what a search of somebody who wears it may show of the stores nearby (S8)."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from pipeline.domain.customer.as_json import Json
from pipeline.domain.records import CatalogView


def in_size(views: Iterable[CatalogView], size: str, store: str | None, most: int) -> list[Json]:
    """Return at most so many products that can be had in a size, at a store (None: at any), best sellers first.

    Each with its pieces by store ("" is the warehouse); what is sold beyond its stock can be had everywhere.
    """
    found = [(view, stores) for view in views if (stores := _stores(view, size, store)) or _on_order(view)]
    chosen = nsmallest(most, found, key=lambda each: (-each[0].demand.sales, -each[0].demand.views, each[0].sku))
    return [
        {"backorder": view.backorder, "name": view.name, "sku": view.sku, "stores": dict(sorted(stores.items()))}
        for view, stores in chosen
    ]


def _stores(view: CatalogView, size: str, store: str | None) -> dict[str, int]:
    if view.deleted:
        return {}
    held = {place: pieces.get(size, 0) for place, pieces in view.stock.items() if store in (None, place)}
    return {place: pieces for place, pieces in held.items() if pieces > 0}


def _on_order(view: CatalogView) -> bool:
    return view.backorder and not view.deleted
