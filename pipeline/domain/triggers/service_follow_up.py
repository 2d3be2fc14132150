"""The service follow-up: somebody is unhappy, somebody should call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from pipeline.domain.events import Scalar
from pipeline.domain.facets.facet import text_of
from pipeline.domain.facets.service import Service
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once
from pipeline.domain.triggers.steps import Change, Step
from pipeline.domain.triggers.view import CustomerView


class Config(kind.Config, frozen=True):
    """`worse_than`: scores below it, from 0 (bad) to 1 (good), are bad feedback."""

    worse_than: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.4


class ServiceFollowUp(kind.Kind):
    """Fires when feedback or a review is worse than `worse_than`: a case for the call centre.

    Unless a case is open already: somebody cares for it. At most once per opinion, and per `cooldown` if the rule has
    one.
    """

    config_type = Config
    cares = True
    sells = False
    events = frozenset({"feedback_given", "product_reviewed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its threshold."""
        super().__init__(rule, config)
        self._worse_than = config.worse_than

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Propose a case for a bad opinion."""
        now, before = customer.facets.service or Service(), customer.facets_before.service or Service()
        opinions = [each for each in now.feedback if each not in before.feedback and each.score < self._worse_than]
        if not opinions or self.end("", change.at_ms, customer) is not None:
            return ()
        opinion = opinions[-1]
        about = opinion.touchpoint or change.event.event_type
        context: dict[str, Scalar] = {
            "score": opinion.score,
            "touchpoint": about,
            "seen_in": opinion.channel,
            "comment": text_of(change.event, "comment"),
        }
        reason = f"An opinion of {opinion.score * 100:.0f} % about {about}"
        return (at_once(change, reason, items=change.event.items, context=context),)

    def end(self, subject: str, since_ms: int, customer: CustomerView) -> DropReason | None:
        """Say whether somebody cares for a case already."""
        service = customer.facets.service
        return DropReason.DONE if service is not None and service.has_open_case else None
