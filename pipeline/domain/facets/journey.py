"""The stage of a customer's journey: awareness, consideration, purchase, use; support is where a case is open (S23)."""

from __future__ import annotations

from typing import ClassVar, Final, Self

from msgspec import Struct

from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.facet import Json
from pipeline.domain.time import rfc3339

STAGES: Final = ("awareness", "consideration", "purchase", "use", "support")
"""In their order. Of two at the same instant the further one counts. They bound what a journey remembers."""

AWARENESS: Final = STAGES[0]
SUPPORT: Final = STAGES[4]

ENTERING: Final[dict[str, frozenset[str]]] = {
    "awareness": frozenset(
        {
            "page_viewed", "screen_viewed", "promotion_viewed", "promotion_clicked", "ad_viewed", "ad_clicked",
            "video_viewed",
        }
    ),
    "consideration": frozenset(
        {
            "products_searched", "product_list_viewed", "product_list_filtered", "product_clicked", "product_viewed",
            "product_added", "product_added_to_wishlist", "wishlist_product_added_to_cart", "cart_updated",
            "cart_viewed", "checkout_started", "stock_alert_requested", "price_alert_requested", "barcode_scanned",
            "item_tried_on", "shelf_item_picked",
        }
    ),
    "purchase": frozenset({"order_completed"}),
    "use": frozenset({"order_delivered", "order_collected", "product_reviewed"}),
}  # fmt: skip
"""Stage → event types that enter it. Support is entered and left with cases, which are in the service facet."""

_STAGE_OF: Final = {event_type: stage for stage, types in ENTERING.items() for event_type in types}


class Journey(Struct, frozen=True, array_like=True, gc=False):
    """`stages` maps each stage the customer has been in to when first and when last (ms).

    Nobody goes back to awareness: only its beginning is news. First and last of each stage is what stays exact in any
    order of arrival and through every merge; single changes of stage are for rules to see as they happen.
    """

    EVENTS: ClassVar[frozenset[str] | None] = frozenset(_STAGE_OF)

    stages: dict[str, tuple[int, int]] = {}

    @property
    def doing(self) -> str | None:
        """Return the stage by what was done last, whether a case is open or not; the stage itself: `Facets.stage`."""
        if not self.stages:
            return None
        return max(self.stages, key=lambda stage: (stage != AWARENESS, self.stages[stage][1], STAGES.index(stage)))

    def learn(self, event: ChannelEvent, at_ms: int) -> Self:
        """Enter the stage that the event is of."""
        stage = _STAGE_OF[event.event_type]
        known = self.stages.get(stage)
        if known is None:
            return type(self)(dict(sorted({**self.stages, stage: (at_ms, at_ms)}.items())))
        span = _span(stage, known, (at_ms, at_ms))
        return self if span == known else type(self)({**self.stages, stage: span})

    def united(self, other: Self) -> Self:
        """The first and the last time of either in each stage."""
        both = self.stages | other.stages
        return type(self)(
            {stage: _span(stage, both[stage], self.stages.get(stage, both[stage])) for stage in sorted(both)}
        )

    def json(self) -> Json:
        """Return when first and when last in each stage."""
        return {
            stage: {"first_at": rfc3339(first_ms), "last_at": rfc3339(last_ms)}
            for stage, (first_ms, last_ms) in sorted(self.stages.items())
        }


def _span(stage: str, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    first_ms = min(a[0], b[0])
    return first_ms, first_ms if stage == AWARENESS else max(a[1], b[1])
