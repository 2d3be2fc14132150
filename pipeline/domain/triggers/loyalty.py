"""Loyalty: a tier reached, points that run out, a reward within reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from pipeline.domain.events import Scalar
from pipeline.domain.facets.loyalty import Loyalty as Facet
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, rfc3339
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait, was_told
from pipeline.domain.triggers.steps import Change, Mark, Proposal, Step, Timer
from pipeline.domain.triggers.view import CustomerView

_REWARD = "\x1freward"  # no tier is called so


class Config(kind.Config, frozen=True):
    """`on`: what it is about. `ahead_ms`: how long before points run out; `points`: what the reward costs.

    `tiers`: all of them, the lowest first: with them a tier that was fallen back to is not one reached.
    """

    on: Literal["tier_reached", "points_expiring", "reward_usable"] = "tier_reached"
    ahead_ms: Annotated[int, Meta(ge=1)] = 14 * DAY_MS
    points: Annotated[int, Meta(ge=1)] = 500
    tiers: tuple[str, ...] = ()


class Loyalty(kind.Kind):
    """Fires when a tier is reached, when points run out within `ahead`, or when `points` buy the reward.

    Unless the points are gone or the tier is left by then, or the tier is only the first we hear of a customer who has
    it already. At most once per tier, per date of expiry, and per time that `points` are reached.
    """

    config_type = Config
    events = frozenset({"points_earned", "points_redeemed", "tier_changed", "identified"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its parameters."""
        super().__init__(rule, config)
        self._config = config

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Compare what is known now with what was known before the event."""
        now, before = customer.facets.loyalty, customer.facets_before.loyalty or Facet()
        if now is None or now is before:
            return ()
        if self._config.on == "tier_reached":
            return self._tier(change, customer, now, before)
        if self._config.on == "reward_usable":
            return self._reward(change, customer, now.points)
        return [
            wait(str(expires_at_ms), max(expires_at_ms - self._config.ahead_ms, change.at_ms), change)
            for expires_at_ms in sorted(now.expiries.keys() - before.expiries.keys())
            if expires_at_ms > change.at_ms
        ]

    def on_time(self, timer: Timer, customer: CustomerView) -> Sequence[Step]:
        """Propose the word about points that run out, with what is left of them."""
        points = _left(timer.subject, customer.facets.loyalty or Facet())
        if points <= 0:
            return (not_any_more(timer, DropReason.NOT_SO),)
        expires_at_ms = int(timer.subject)
        reason, context = _said_of_expiry(points, expires_at_ms)
        return (in_time(timer, reason, context=context, until_ms=expires_at_ms),)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not tell what is no longer so, nor what was told meanwhile."""
        if was_told(self.rule, proposal, customer):
            return DropReason.DONE
        loyalty = customer.facets.loyalty or Facet()
        if self._config.on == "tier_reached":
            is_so = loyalty.tier_name == proposal.subject
        elif self._config.on == "reward_usable":
            is_so = loyalty.points >= self._config.points
        else:
            is_so = _left(proposal.subject, loyalty) > 0
        return None if is_so else DropReason.NOT_SO

    def as_of_now(self, proposal: Proposal, customer: CustomerView) -> Proposal:
        """Tell how many points there are by now."""
        loyalty = customer.facets.loyalty or Facet()
        if self._config.on == "tier_reached":
            return proposal
        if self._config.on == "reward_usable":
            reason, context = self._said_of_reward(loyalty.points)
        else:
            reason, context = _said_of_expiry(_left(proposal.subject, loyalty), proposal.until_ms)
        return replace(proposal, reason=reason, context=context)

    def _tier(self, change: Change, customer: CustomerView, now: Facet, before: Facet) -> Sequence[Step]:
        tier, was = now.tier_name, before.tier_name
        if tier is None or tier == was or customer.mark(self.rule, tier) is not None:
            return ()
        if was is None and change.event.event_type == "identified":  # had it before we were told
            return (Mark(tier, change.at_ms),)
        rank = {name: place for place, name in enumerate(self._config.tiers)}
        if tier in rank and was in rank and rank[tier] < rank[was]:
            return ()
        if customer.held_about(self.rule, tier) is not None:
            return ()
        context: dict[str, Scalar] = {"tier": tier, "before": was}
        return (at_once(change, f"Tier {tier} was reached", subject=tier, context=context, told_as=tier),)

    def _reward(self, change: Change, customer: CustomerView, points: int) -> Sequence[Step]:
        told = customer.mark(self.rule, _REWARD) is not None
        if points < self._config.points:
            return (Mark(_REWARD, None),) if told else ()
        if told or customer.held_about(self.rule, "") is not None:
            return ()
        reason, context = self._said_of_reward(points)
        return (at_once(change, reason, context=context, told_as=_REWARD),)

    def _said_of_reward(self, points: int) -> tuple[str, dict[str, Scalar]]:
        return f"{points} points: enough for the reward of {self._config.points}", {"points": points}


def _said_of_expiry(points: int, expires_at_ms: int) -> tuple[str, dict[str, Scalar]]:
    expires_at = rfc3339(expires_at_ms)
    return f"{points} points run out on {expires_at[:10]}", {"points": points, "expires_at": expires_at}


def _left(subject: str, loyalty: Facet) -> int:
    """Return how many of the points are left that run out at `subject`: those that do first are spent first."""
    if not subject.isdecimal():
        return 0
    expires_at_ms = int(subject)
    later = sum(points for at_ms, points in loyalty.expiries.items() if at_ms > expires_at_ms)
    return min(loyalty.expiries.get(expires_at_ms, 0), loyalty.points - later)
