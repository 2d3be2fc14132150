"""The rules in force: each a kind with its parameters and what the arbiter needs to know of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from pipeline.domain.triggers import RULES
from pipeline.domain.triggers.kind import Config, Kind

RuleClass = Literal["marketing", "transactional"]

DEFAULT_PRIORITY = 50


class OfferPolicy(Struct, frozen=True):
    """What a message may offer: the code starts with `code_prefix`; `valid_for_ms` from firing, None for ever."""

    code_prefix: str
    percent: int | None = None
    valid_for_ms: int | None = None


class Rule(Struct, frozen=True):
    """One rule. No channels: bound to none, needs no address. A duration of None means no such limit.

    `rule_class` tells marketing from transactional messages; every limit that exists so far binds both alike.
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


class Rules:
    """A whole rules file, ready to be asked: by event type, by name."""

    def __init__(self, version: str, rules: Iterable[Rule]) -> None:
        """Build the look-ups. `rules` have distinct names (the rules file sees to it)."""
        self.version = version
        self.rules = tuple(rules)
        self.by_name = {rule.name: rule for rule in self.rules}
        self.logic: dict[str, Kind] = {rule.name: RULES[rule.kind](rule.name, rule.config) for rule in self.rules}
        events = sorted({event for logic in self.logic.values() for event in logic.events})
        self._by_event = {
            event: tuple(logic for logic in self.logic.values() if event in logic.events) for event in events
        }

    def for_event(self, event_type: str) -> tuple[Kind, ...]:
        """Return the rules that want to see events of this type, in the order of the file."""
        return self._by_event.get(event_type, ())
