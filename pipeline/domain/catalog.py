"""What a shop's own systems say of its products: the records of `catalog.products` and `catalog.stock`."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

FULL, STORE, LEVEL, DELTA = "full", "store", "level", "delta"
MODES = {
    FULL: "these are all stores and sizes of the product, any other has 0",
    STORE: "these are all sizes of each store named, any other has 0",
    LEVEL: "each size named has so many now; nothing is said of others",
    DELTA: "so many have come or gone (below 0), once per update_id",
}
"""How the levels of a `StockLevel` are meant."""


class Product(Struct, frozen=True, gc=False):
    """What a product is and costs, whole: the later by (`updated_at_ms`, `version`) takes the place of the other.

    Without a price, what is known of prices stays. `deleted`: it is sold no longer. `backorder`: it is sold whatever
    the stock says, for it is ordered or made then, or not counted. `group`: what it is a variant of, if it is one.

    With `variants` it is not of a SKU but of such a group, called `sku`: it has these and no others, SKU by the id of
    each ("": the one known by that id). Then nothing else is told.
    """

    sku: str
    tenant: str = "default"
    name: str = ""
    category: str = ""
    price_minor: int | None = None
    currency: str | None = None
    attributes: dict[str, str] = {}
    updated_at_ms: int = 0
    version: int = 0
    deleted: bool = False
    update_id: str = ""
    backorder: bool = False
    group: str = ""
    variants: dict[str, str] | None = None


class StockLevel(Struct, frozen=True, gc=False):
    """How many pieces of a product there are: by size in `levels` for `store` ("" is the warehouse).

    `stores` says the same of several stores at once: store to size to pieces.
    """

    sku: str
    tenant: str = "default"
    store: str = ""
    levels: dict[str, int] = {}
    mode: str = LEVEL
    updated_at_ms: int = 0
    version: int = 0
    update_id: str = ""
    stores: dict[str, dict[str, int]] = {}


CatalogRecord: TypeAlias = Product | StockLevel
