"""Products and stock of a Shopify shop: webhooks as they came, and what its Admin API exports, as JSON.

A file is one document, or one a line. A document is a payload (alone, or as `payload` beside its `topic`), a list of
payloads, or an answer of the API such as `{"products": […]}`. Each variant is a SKU; one that has none goes by its id.
A product tells all its variants: one that it has no longer is deleted, in whichever file it was told of before.
Shopify says neither in what currency a price is nor of what SKU a stock level is: that is looked up in the rest of the
files (the shop, orders, checkouts; variants, inventory items), whatever their order, so they are held in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from pipeline.domain.catalog import FULL, LEVEL, CatalogRecord, Product, StockLevel
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.money import minor_digits
from pipeline.sources import CatalogLine, CatalogRead, Rejected
from pipeline.sources.channel_event import SUFFIXES
from pipeline.sources.files import files_in
from pipeline.sources.shopify_payloads import Payload, id_in, payloads_in, text_of
from pipeline.wire.json_fields import JsonObject, integer, text, time_ms

NOT_SOLD: Final = ("archived", "draft")
"""Statuses of a product that no channel sells."""
ONE_VARIANT: Final = "Default Title"
"""What Shopify calls the variant of a product that has no variants."""
SHOWN: Final = 100
"""Variants in one payload, of up to 2,048: webhooks name the others by their ids (`variant_gids`), exports do not."""


class ShopifyCatalog:
    """Webhooks (`products/*`, `variants/*`, `inventory_levels/*`) and exports; what is not of the catalogue is left."""

    def read(self, path: Path) -> Iterator[CatalogLine]:
        """Read a file, standard input (`-`), or every file of a folder."""
        found = [payload for file in files_in(path, SUFFIXES) for payload in payloads_in(file)]
        payloads = [each for each in found if isinstance(each, Payload)]
        shop = _Shop(payloads)
        for each in found:
            if isinstance(each, Rejected):
                yield each
                continue
            try:
                for record in shop.records(each):
                    yield CatalogRead(each.path, each.line, each.original, record)
            except InvalidEvent as error:
                yield each.rejected(error)


class _Shop:
    """What the files say together."""

    def __init__(self, payloads: Iterable[Payload]) -> None:
        own: set[str] = set()
        charged: set[str] = set()
        #: Inventory item to SKU; items of which a level is told, by location.
        self._sku_of: dict[str, str] = {}
        self._levelled: set[str] = set()
        uncounted: dict[str, tuple[int, bool]] = {}
        for kind, fields, *_ in payloads:
            currency = fields.get("currency")
            if kind == "shop" and isinstance(currency, str):
                own.add(currency)
            elif kind in ("order", "checkout") and isinstance(currency, str):
                charged.add(currency)
            elif kind == "inventory_level":
                self._levelled.add(id_in(fields, "inventory_item_id"))
            elif kind == "inventory_item":
                if isinstance(fields.get("sku"), str):
                    self._sku_of.setdefault(id_in(fields), str(fields["sku"]))
                if isinstance(fields.get("tracked"), bool):
                    item, told = id_in(fields), (_when(fields), not fields["tracked"])
                    uncounted[item] = max(told, uncounted.get(item, told))
            for variant in _variants(fields) if kind == "product" else [fields] if kind == "variant" else []:
                if variant.get("inventory_item_id") is not None:
                    self._sku_of[text_of(variant["inventory_item_id"])] = _sku(variant)
        #: Items that are sold without being counted, by the latest word: their quantity, mostly 0, says nothing.
        self._uncounted = {item for item, (_, is_uncounted) in uncounted.items() if is_uncounted}
        known = own or charged
        self._currency = known.pop() if len(known) == 1 else None

    def records(self, payload: Payload) -> Iterator[CatalogRecord]:
        """Yield what a payload says. Raises InvalidEvent, after the variants in which there is nothing wrong."""
        fields = payload.fields
        # What changes twice within a second has one `updated_at`; webhooks say to the millisecond when it was.
        version = 0 if payload.told_at is None else time_ms(payload.told_at, "triggered_at")
        if payload.kind == "product":
            refused: list[InvalidEvent] = []
            for variant in _variants(fields):
                try:
                    yield self._product(fields, variant, version)
                    yield from self._stock_of_all(variant, _later(fields, variant), version)
                except InvalidEvent as error:
                    refused.append(error)
            yield from _all_variants(fields, version)
            if refused:
                raise refused[0]
        elif payload.kind in ("product_deleted", "inventory_level_deleted"):
            if payload.told_at is None:
                problem = "triggered_at is missing: a deletion says itself not when it was; keep the header beside it"
                raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
            if payload.kind == "product_deleted":
                yield _group(fields, version, version, {})
            else:
                yield self._level({**fields, "available": 0, "updated_at": payload.told_at}, version)
        elif payload.kind == "variant":
            yield from self._stock_of_all(fields, _later(fields), version)
        elif payload.kind == "inventory_level" and fields.get("available") is not None:
            yield self._level(fields, version)

    def _product(self, product: JsonObject, variant: JsonObject, version: int) -> Product:
        at_ms = _later(product, variant)
        title = text(variant.get("title") or ONE_VARIANT, "variants.title")
        name = text(product.get("title") or "", "title")
        price = variant.get("price")
        return Product(
            sku=_sku(variant),
            name=name if title == ONE_VARIANT else f"{name} – {title}",
            category=text(product.get("product_type") or "", "product_type"),
            price_minor=None if price is None else self._minor(price),
            currency=None if price is None else self._currency,
            attributes=_attributes(product, variant),
            updated_at_ms=at_ms,
            version=version,
            deleted=product.get("status") in NOT_SOLD,
            update_id=f"variant-{id_in(variant)}@{at_ms}",
            backorder=variant.get("inventory_policy") == "continue" or not self._is_counted(variant),
            group=_group_of(product),
        )

    def _minor(self, price: object) -> int:
        if self._currency is None:
            problem = (
                f"price: {str(price)[:40]!r} has no currency, as Shopify tells none with a product: put the shop's "
                'own file, as in {"shop": {"currency": "EUR"}}, beside it'
            )
            raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
        try:
            exact = Decimal(text(price, "price")) * 10 ** minor_digits(self._currency)
            whole = int(exact)
        except (InvalidOperation, ValueError, OverflowError):
            raise InvalidEvent(InvalidReason.WRONG_TYPE, f"price: {str(price)[:40]!r} is not like '19.99'") from None
        if whole != exact:
            problem = f"price: {str(price)[:40]!r} is no sum of whole minor units of {self._currency}"
            raise InvalidEvent(InvalidReason.BAD_VALUE, problem)
        return whole

    def _stock_of_all(self, variant: JsonObject, at_ms: int, version: int) -> Iterator[StockLevel]:
        """All pieces together, where they are counted and nothing says how they are spread."""
        pieces, item = variant.get("inventory_quantity"), text_of(variant.get("inventory_item_id"))
        if pieces is None or not self._is_counted(variant) or item in self._levelled:
            return
        yield StockLevel(
            sku=_sku(variant),
            levels={"": _there(pieces, "inventory_quantity")},
            mode=FULL,
            updated_at_ms=at_ms,
            version=version,
            update_id=f"variant-stock-{id_in(variant)}@{at_ms}",
        )

    def _is_counted(self, variant: JsonObject) -> bool:
        item = text_of(variant.get("inventory_item_id"))
        return variant.get("inventory_management", "") is not None and item not in self._uncounted

    def _level(self, level: JsonObject, version: int) -> StockLevel:
        item, location = id_in(level, "inventory_item_id"), text_of(level.get("location_id"))
        if item not in self._sku_of:
            problem = (
                f"inventory_item_id: {item} is of no variant or inventory item in these files, so its SKU is not "
                "known; put the export of one of them beside it"
            )
            raise InvalidEvent(InvalidReason.MISSING_FIELD, problem)
        at_ms = _later(level)
        return StockLevel(
            sku=self._sku_of[item],
            store=location,
            levels={"": _there(level["available"], "available")},
            mode=LEVEL,
            updated_at_ms=at_ms,
            version=version,
            update_id=f"level-{item}-{location}@{at_ms}",
        )


def _all_variants(product: JsonObject, version: int) -> Iterator[Product]:
    """Say which variants a product has, where it says so: a payload may leave out some, or their ids."""
    shown = {id_in(variant): _sku(variant) for variant in _variants(product)}
    gids = product.get("variant_gids")
    named = [id_in(each) for each in gids if isinstance(each, dict)] if isinstance(gids, list) else []
    is_whole = bool(named) or 0 < len(shown) < SHOWN
    skus = dict.fromkeys(named, "") | shown
    if is_whole and "" not in skus and id_in(product):
        yield _group(product, _later(product, *_variants(product)), version, skus)


def _group(product: JsonObject, at_ms: int, version: int, skus: dict[str, str]) -> Product:
    return Product(
        sku=_group_of(product),
        updated_at_ms=at_ms,
        version=version,
        update_id=f"variants-{id_in(product)}@{at_ms}",
        variants=skus,
    )


def _group_of(product: JsonObject) -> str:
    product_id = id_in(product)
    return f"product-{product_id}" if product_id else ""


def _variants(product: JsonObject) -> list[JsonObject]:
    variants = product.get("variants")
    return [each for each in variants if isinstance(each, dict)] if isinstance(variants, list) else []


def _sku(variant: JsonObject) -> str:
    return text_of(variant.get("sku")).strip() or id_in(variant)


def _later(*parts: JsonObject) -> int:
    """The latest time at which one of the parts was changed."""
    told = [time_ms(part["updated_at"], "updated_at") for part in parts if part.get("updated_at") is not None]
    if not told:
        raise InvalidEvent(InvalidReason.MISSING_FIELD, "updated_at is missing")
    return max(told)


def _when(part: JsonObject) -> int:
    """When a part was changed; before all others where it does not say so."""
    try:
        return _later(part)
    except InvalidEvent:
        return 0


def _there(pieces: object, where: str) -> int:
    """What can be had: Shopify counts below zero what was sold beyond it."""
    return max(0, integer(pieces, where))


def _attributes(product: JsonObject, variant: JsonObject) -> dict[str, str]:
    """Size, colour and whatever else the options are called, and the brand."""
    found: dict[str, str] = {}
    options = product.get("options")
    for number, option in enumerate(options if isinstance(options, list) else (), 1):
        value = variant.get(f"option{number}")
        if isinstance(option, dict) and isinstance(option.get("name"), str) and isinstance(value, str):
            found[option["name"].strip().lower()] = value
    if isinstance(product.get("vendor"), str):
        found["brand"] = str(product["vendor"])
    return found
