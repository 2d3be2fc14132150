"""What came of a story: messages, decisions, changes of identity and customers, as people and machines read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.domain.time import rfc3339
from pipeline.simulation import Simulation
from pipeline.wire.records import to_json
from tests.scenarios.scenario import Object, Scenario


class Outcome(NamedTuple):
    """All as the JSON objects that `omni tail` and `omni customer` show."""

    triggers: list[Object]
    decisions: list[Object]
    identity_changes: list[Object]
    customers: list[Object]

    def of(self, scenario: Scenario) -> Outcome:
        """Return what is of one story's customers, rules and time."""
        until = rfc3339(scenario.until_ms)

        def own(records: Iterable[Object], time: str) -> list[Object]:
            return [r for r in records if r["rule"] in scenario.rule_names and r[time] <= until and _is(r, scenario)]

        return Outcome(
            own(self.triggers, "fired_at"),
            own(self.decisions, "decided_at"),
            [change for change in self.identity_changes if _is(change, scenario)],
            [customer for customer in self.customers if _is(customer, scenario)],
        )

    def identifiers_of(self, customer_id: str) -> dict[str, str]:
        """Return the identifiers of whom a record was about, or has become part of; of a kind the first."""
        for customer in self.customers:
            if customer_id == customer["customer_id"] or customer_id in customer["merged_from"]:
                return {kind: values[0] for kind, values in customer["identifiers"].items()}
        return {}

    def quote(self, rule: str, what: str) -> str:
        """Return the `trigger_id` or the `code` of the offer of the first message of a rule."""
        trigger = next(trigger for trigger in self.triggers if trigger["rule"] == rule)
        return str(trigger["offer"]["code"] if what == "code" else trigger[what])


def outcome_of(simulation: Simulation) -> Outcome:
    """Return what a simulation gave."""
    return Outcome(
        [to_json(trigger) for trigger in simulation.triggers()],
        [to_json(decision) for decision in simulation.decisions()],
        [to_json(change) for change in simulation.identity_changes()],
        [json.loads(line) for line in simulation.customer_lines()],
    )


def _is(record: Object, scenario: Scenario) -> bool:
    return bool(record["tenant"] == scenario.tenant)
