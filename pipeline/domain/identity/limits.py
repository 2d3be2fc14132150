"""What speaks against a link: the limits of identity.yaml, and what a person has parted."""

from __future__ import annotations

from pipeline.domain.customer.draft import Draft, former
from pipeline.domain.event_types import REFERRAL
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.graph import EMPTY
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_identity import Standing
from pipeline.domain.reasons import IdentityReason


class Limits:
    """Answers whether a customer may have one identifier more, and whether two customers may be one."""

    def __init__(self, config: IdentityConfig) -> None:
        """Keep to the rules of identity.yaml."""
        self._config = config

    def against_claim(self, me: Standing, kind: str) -> IdentityReason | None:
        """Return what speaks against this customer having one more identifier of `kind`."""
        limit = self._config.limit_of(kind)
        if limit is not None and me.counts.get(kind, 0) >= limit:
            return IdentityReason.KIND_LIMIT
        if sum(me.counts.values()) >= self._config.mapping_cap:
            return IdentityReason.MAPPING_CAP
        return None

    def against_merge(
        self, draft: Draft, me: Standing, other: Standing, identifier: Identifier
    ) -> IdentityReason | None:
        """Return what speaks against the customer of `draft` and the other being one: the limits, were they one."""
        if other.customer_id in me.apart or not {me.customer_id, *former(draft)}.isdisjoint(other.apart):
            return IdentityReason.KEPT_APART
        met_by, _ = identifier
        if met_by == REFERRAL and _is_somebody(me) and _is_somebody(other):
            return IdentityReason.SHARED_CODE
        together = dict(me.counts)
        for kind, number in other.counts.items():
            together[kind] = together.get(kind, 0) + number
        together[met_by] = together.get(met_by, 0) - 1  # it is both the owner's and the claimant's
        for kind in sorted(together):
            limit = self._config.limit_of(kind)
            if limit is not None and together[kind] > limit:
                return IdentityReason.KIND_LIMIT
        if sum(together.values()) > self._config.mapping_cap:
            return IdentityReason.MAPPING_CAP
        cap = self._config.merge_cap
        if cap is not None and me.merges + other.merges + 1 > cap:
            return IdentityReason.MERGE_CAP
        return None

    def holds(self, kind: str, number: int) -> bool:
        """Whether a customer may have so many identifiers of `kind`."""
        limit = self._config.limit_of(kind)
        return limit is None or number <= limit

    def is_senior(self, me: Standing, other: Standing) -> bool:
        """Whether the other customer would become part of this one: an order that nobody can change."""
        return self._seniority(me) < self._seniority(other)

    def _seniority(self, standing: Standing) -> tuple[int, str, str]:
        return self._config.rank(standing.founder), standing.founder, standing.customer_id


def _is_somebody(standing: Standing) -> bool:
    """Whether more is known than a referral code that somebody has used."""
    return any(number for kind, number in standing.counts.items() if kind != REFERRAL)


def standing(draft: Draft) -> Standing:
    """Return the facts another customer needs to decide about a merge."""
    graph = draft.graph or EMPTY
    counts = {kind: len(links) for kind, links in draft.identifiers.items() if links}
    return Standing(draft.customer_id, draft.founder, counts, len(graph.merges), graph.apart)
