"""Which variants a product has, where each is a SKU of its own: one that is named no longer is sold no longer.

A product tells all of them at once, so under a key of its own (see `keys`) the latest list is kept, and each SKU that a
list had which is not in the latest hears of it. A SKU may have gone over to another product, so it is gone for this one
(`VariantGone`), and knows itself to which it belongs (see `facts`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.messages.effects import Effect, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import VariantGone, VariantsTold

TOLD_AT_ONCE = 500
"""SKUs told by one message; the rest by a word to itself."""


class Variants(Struct, frozen=True, array_like=True, gc=False):
    """The latest list: the SKU of each variant by its id, "" where no list has told it."""

    at_ms: int = 0
    version: int = 0
    skus: dict[str, str] = {}

    def told(self, word: VariantsTold) -> tuple[Variants, Sequence[Effect]]:
        """Take in a list; the later by time and version holds, of two told at once the longer, whatever came first."""
        if word.gone:
            return self, _tell(word, word.gone)
        new = Variants(word.updated_at_ms, word.version, word.variants)
        late, latest = sorted((self, new), key=_order)
        skus = {name: sku or late.skus.get(name, "") for name, sku in latest.skus.items()}
        after = replace(latest, skus=skus)
        gone = {*late.skus.values(), *latest.skus.values()} - {*skus.values(), ""}
        as_of_latest = replace(word, updated_at_ms=after.at_ms, version=after.version)
        return after, _tell(as_of_latest, tuple(sorted(gone)))


def _tell(word: VariantsTold, gone: tuple[str, ...]) -> list[Effect]:
    """Tell SKUs that they are gone as of this word. A list that comes before the rest is told may have some again."""
    now, rest = gone[:TOLD_AT_ONCE], gone[TOLD_AT_ONCE:]
    effects: list[Effect] = [
        Send(
            "product",
            product_key(word.tenant, sku),
            VariantGone(word.tenant, sku, word.update_id, word.updated_at_ms, word.version, word.sku),
        )
        for sku in now
    ]
    if rest:
        effects.append(Send("product", product_key(word.tenant, word.sku), replace(word, gone=rest)))
    return effects


def _order(variants: Variants) -> tuple[int, int, int, list[tuple[str, str]]]:
    return variants.at_ms, variants.version, len(variants.skus), sorted(variants.skus.items())
