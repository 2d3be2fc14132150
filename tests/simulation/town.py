"""A town on the in-memory bus: events told by the minute, and what became of those who told them."""

from __future__ import annotations

import json
from typing import Any

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.records import IdentityChange
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import abandoned_cart
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000
REMINDER = Rules("1", [Rule("reminder", "abandoned_cart", abandoned_cart.Config(delay_ms=60 * MINUTE))])


class Town:
    """Events told by the minute after ten, in the order written; the clock moves with them."""

    def __init__(self, config: IdentityConfig | None = None, partitions: int = 3, rules: Rules = REMINDER) -> None:
        self.simulation = Simulation(
            load_settings(environ={}), rules, config or IdentityConfig(), Conditions(partitions, seed=1)
        )
        self._told = 0

    def at(self, minute: float, event_type: str = "page_viewed", **fields: Any) -> Town:
        """Tell one event; what names no field of an event is an identifier."""
        self._told += 1
        known = {name: fields.pop(name) for name in list(fields) if name in ChannelEvent.__struct_fields__}
        known.setdefault("event_id", f"e-{self._told}")
        event = ChannelEvent(
            event_type=event_type, channel="web", occurred_at_ms=TEN + int(minute * MINUTE), identifiers=fields, **known
        )
        self.simulation.play([self.simulation.read(event)])
        return self

    def until(self, minute: float) -> Town:
        self.simulation.play([], until_ms=TEN + int(minute * MINUTE))
        return self

    @property
    def customers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.simulation.customer_lines()]

    def of(self, **identifier: str) -> dict[str, Any]:
        """The one customer that has an identifier."""
        ((kind, value),) = identifier.items()
        (found,) = [each for each in self.customers if value in each["identifiers"].get(kind, [])]
        return found

    def changes(self, *kinds: str) -> list[IdentityChange]:
        return [change for change in self.simulation.identity_changes() if change.change in kinds]

    @property
    def triggers(self) -> list[tuple[str, str]]:
        return [(trigger.status, trigger.customer_id) for trigger in self.simulation.triggers()]


def customer(kind: str, value: str) -> str:
    identifier: Identifier = (kind, value)
    return founded_by("default", identifier)


def shopped_apart_and_merged() -> Town:
    """A household: u1 by e-mail and cookie, somebody else by loyalty card; a shared phone joins them at minute 9."""
    town = Town()
    bought = {"currency": "EUR", "cart_id": "c0"}
    town.at(0, "order_completed", email="m1@example.com", order_id="o-1", amount_minor=1_000, **bought)
    town.at(1, "product_added", email="m1@example.com", phone="+491701", cart_id="c1", items=(Item("A"),))
    town.at(2, "order_completed", loyalty="l1", order_id="o-2", amount_minor=500, **bought)
    town.at(3, "product_added", loyalty="l1", cart_id="c2", items=(Item("B"),))
    return town.at(9, loyalty="l1", phone="+491701")
