"""What a product is: its name, category and attributes, and whether it is sold at all."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer.as_json import Json
from pipeline.domain.messages.effects import Count, Effect
from pipeline.domain.messages.to_product import ProductTold, VariantGone
from pipeline.domain.time import rfc3339

GROUPS_KEPT = 8
"""Of which it is known that a SKU is no variant any more: it is moved from one to another by hand. The earliest go."""

_NEVER = (-1, -1)


class Facts(Struct, frozen=True, array_like=True, gc=False):
    """What was told last, whole; as large as one record of the catalogue.

    `group` is the key of what it is a variant of, "" where that was not told; `gone` says since when (time, version) it
    was none of a group.
    """

    updated_at_ms: int = 0
    version: int = 0
    update_id: str = ""
    deleted: bool = False
    name: str = ""
    category: str = ""
    attributes: dict[str, str] = {}
    backorder: bool = False
    group: str = ""
    gone: dict[str, tuple[int, int]] = {}

    @property
    def is_deleted(self) -> bool:
        """Whether it is sold no longer: as was told, or because what it is a variant of does not have it any more."""
        gone = [self.gone.get(self.group, _NEVER)] if self.group else self.gone.values()
        return self.deleted or max(gone, default=_NEVER) >= (self.updated_at_ms, self.version)

    def without(self, word: VariantGone) -> Facts:
        """Take in that it is no variant of a group any more; the very same comes back where that is no news."""
        stamp = (word.updated_at_ms, word.version)
        if self.gone.get(word.group, _NEVER) >= stamp:
            return self
        gone = {**self.gone, word.group: stamp}
        latest = sorted(gone, key=lambda group: (gone[group], group))[-GROUPS_KEPT:]
        return replace(self, gone={group: gone[group] for group in sorted(latest)})

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
            message.group,
            self.gone,
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
            "deleted": self.is_deleted,
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
        facts.group,
    )
