"""The state of one product, made of parts, each a module of its own."""

from __future__ import annotations

from msgspec import Struct

from pipeline.domain.customer_json import Json
from pipeline.domain.messages import ProductMessage
from pipeline.domain.product.companions import Companions
from pipeline.domain.waiting import Waiting


class ProductState(Struct, frozen=True, array_like=True, gc=False):
    """One SKU. `early` are messages the event clock has not passed yet, by time (at most `WAITING_KEPT`)."""

    tenant: str
    sku: str
    early: Waiting[ProductMessage] = ()
    companions: Companions = Companions()


def product_json(state: ProductState) -> dict[str, Json]:
    """Return the product as an object with sorted keys: equal states are equal bytes."""
    return dict(sorted({"sku": state.sku, "tenant": state.tenant, **state.companions.json()}.items()))
