"""What a product is: its name, category and attributes, and whether it is sold at all."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from pipeline.domain.customer_json import Json
from pipeline.domain.messages import Count, Effect, ProductTold
from pipeline.domain.time import rfc3339


class Facts(Struct, frozen=True, array_like=True, gc=False):
    """What was told last, whole; as large as one record of the catalogue."""

    updated_at_ms: int = 0
    version: int = 0
    update_id: str = ""
    deleted: bool = False
    name: str = ""
    category: str = ""
    attributes: dict[str, str] = {}
    backorder: bool = False

    def told(self, message: ProductTold) -> tuple[Facts, Sequence[Effect]]:
        """Take in what holds: the later by time and version, ties by content, whatever came first."""
        new = Facts(
            message.updated_at_ms,
            message.version,
            message.update_id,
            message.deleted,
            message.name,
            message.category,
            message.attributes,
            message.backorder,
        )
        if _order(new) > _order(self):
            return new, ()
        late = (new.updated_at_ms, new.version) < (self.updated_at_ms, self.version)
        return self, (Count("catalog_ignored", "late_product"),) if late else ()

    def json(self) -> dict[str, Json]:
        """Return what of a product's object is about the product itself."""
        return {
            "attributes": dict(sorted(self.attributes.items())),
            "backorder": self.backorder,
            "category": self.category,
            "deleted": self.deleted,
            "name": self.name,
            "updated_at": rfc3339(self.updated_at_ms),
        }


def _order(facts: Facts) -> tuple[object, ...]:
    return (
        facts.updated_at_ms,
        facts.version,
        facts.update_id,
        facts.deleted,
        facts.name,
        facts.category,
        sorted(facts.attributes.items()),
        facts.backorder,
    )
