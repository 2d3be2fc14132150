"""Loyalty: a tier reached, points that run out, a reward within reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from pipeline.domain.events import Scalar
from pipeline.domain.facets.loyalty import Loyalty as Facet
from pipeline.domain.reasons import DropReason
from pipeline.domain.time import DAY_MS, rfc3339
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, in_time, not_any_more, wait
from pipeline.domain.triggers.steps import Change, Mark, Step, Timer
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

    Unless the points are gone by then, or the tier is only the first we hear of a customer who has it already. At most
    once per tier, per date of expiry, and per time that `points` are reached.
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
        loyalty = customer.facets.loyalty
        points = _running_out(loyalty, int(timer.subject)) if loyalty and timer.subject.isdecimal() else 0
        if points <= 0:
            return (not_any_more(timer, DropReason.NOT_SO),)
        expires_at = rfc3339(int(timer.subject))
        reason = f"{points} points run out on {expires_at[:10]}"
        return (in_time(timer, reason, context={"points": points, "expires_at": expires_at}),)

    def _tier(self, change: Change, customer: CustomerView, now: Facet, before: Facet) -> Sequence[Step]:
        tier, was = now.tier_name, before.tier_name
        if tier is None or tier == was or customer.mark(self.rule, tier) is not None:
            return ()
        reached: Step = Mark(tier, change.at_ms)
        if was is None and change.event.event_type == "identified":  # had it before we were told
            return (reached,)
        rank = {name: place for place, name in enumerate(self._config.tiers)}
        if tier in rank and was in rank and rank[tier] < rank[was]:
            return ()
        context: dict[str, Scalar] = {"tier": tier, "before": was}
        return (reached, at_once(change, f"Tier {tier} was reached", subject=tier, context=context))

    def _reward(self, change: Change, customer: CustomerView, points: int) -> Sequence[Step]:
        told = customer.mark(self.rule, _REWARD) is not None
        if points < self._config.points:
            return (Mark(_REWARD, None),) if told else ()
        if told:
            return ()
        reason = f"{points} points: enough for the reward of {self._config.points}"
        return (Mark(_REWARD, change.at_ms), at_once(change, reason, context={"points": points}))


def _running_out(loyalty: Facet, expires_at_ms: int) -> int:
    """Return how many of the points of one date are left: those that run out first are spent first."""
    later = sum(points for at_ms, points in loyalty.expiries.items() if at_ms > expires_at_ms)
    return min(loyalty.expiries.get(expires_at_ms, 0), loyalty.points - later)
