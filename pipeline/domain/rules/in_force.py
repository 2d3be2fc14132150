"""The rules in force: each a kind with its parameters and what the arbiter needs to know of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal

from msgspec import Struct, field

from pipeline.domain.arbiter.policy import Cap, Policy, QuietHours, RuleClass, Variant
from pipeline.domain.conditions.products import GOES_WITH_BOUGHT, shows_in
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.messages.waves import NOTHING, Hearing
from pipeline.domain.triggers import RULES
from pipeline.domain.triggers.kind import Config, Kind
from pipeline.domain.triggers.steps import OfferPolicy
from pipeline.domain.triggers.view import Condition

DEFAULT_PRIORITY = 50


class Rule(Struct, frozen=True):
    """One rule. No channels: bound to none, needs no address. A duration of None means no such limit.

    `choose`: take the first usable channel in the `order` given, or the one the customer's own `response` is best in.
    `at_most` are the rule's own caps; `when_capped` says whether a proposal over a cap is dropped, or deferred until
    there is room or it expires. `when` must hold for a proposal to go out. `split` maps names of an A/B split to their
    shares (percent, 100 together). `during_case` lets a marketing message out while a support case is open.
    """

    name: str
    kind: str
    config: Config
    priority: int = DEFAULT_PRIORITY
    rule_class: RuleClass = "marketing"
    channels: tuple[str, ...] = ()
    cooldown_ms: int | None = None
    expires_after_ms: int | None = None
    offer: OfferPolicy | None = None
    choose: Literal["order", "response"] = "order"
    at_most: tuple[Cap, ...] = ()
    when_capped: Literal["drop", "defer"] = "drop"
    quiet_hours: QuietHours | None = None
    holdout_percent: float = 0.0
    variants: tuple[Variant, ...] = ()
    split: dict[str, int] = field(default_factory=dict)
    when: Condition | None = None
    during_case: bool = False


class Rules:
    """A whole rules file, ready to be asked: by event type, by name."""

    def __init__(
        self,
        version: str,
        rules: Iterable[Rule],
        policy: Policy | None = None,
        audiences: Iterable[Audience] = (),
        number: int = 0,
    ) -> None:
        """Build the look-ups. `rules` have distinct names, and so have `audiences` (the rules file sees to it).

        `number` tells this version from every other of the installation (see `RuleBook`), whatever they call
        themselves.
        """
        self.version = version
        self.audiences = tuple(audiences)
        self.number = number
        self.policy = policy or Policy()
        self.rules = tuple(rules)
        self.by_name = {rule.name: rule for rule in self.rules}
        zone = self.policy.time_zone
        self.logic: dict[str, Kind] = {
            rule.name: RULES[rule.kind](rule.name, rule.config.in_zone(zone)) for rule in self.rules
        }
        logics = tuple(self.logic.values())
        shows = tuple(shows_in((*self.audiences, *self.rules)))
        #: What products must be told of customers.
        heard = [*(logic.hears() for logic in logics), *(each.hears() for each in shows)]
        self.hearing = reduce(Hearing.united, heard, NOTHING)
        named = sorted({event for logic in logics for event in logic.events or ()})
        self._by_event = {
            event: tuple(logic for logic in logics if logic.events is None or event in logic.events) for event in named
        }
        #: Whether products bought are asked what goes with them, because a condition shows it.
        self.asks_when_bought = any(GOES_WITH_BOUGHT in each.shows for each in shows)
        self._of_any = tuple(logic for logic in logics if logic.events is None)

    def for_event(self, event_type: str) -> tuple[Kind, ...]:
        """Return the rules that want to see events of this type, in the order of the file."""
        return self._by_event.get(event_type, self._of_any)
