"""What came of a story: messages, decisions, identity, customers and products, as people and machines read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.domain.product.assortment import assortment
from pipeline.domain.product.in_size import in_size
from pipeline.domain.product.wrong_channel import wrong_channels
from pipeline.domain.records import CatalogView
from pipeline.domain.time import rfc3339
from pipeline.simulation import Simulation
from pipeline.streaming.units import Output
from pipeline.wire.records import decode_record, to_json
from tests.scenarios.scenario import Object, Scenario


class Followed(Simulation):
    """Keeps every record of `catalog.view`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.products: list[CatalogView] = []
        super().__init__(*args, **options)

    def _delivered(self, output: Output) -> None:
        super()._delivered(output)
        if dict(output.headers).get("schema") == b"catalog_view":
            self.products.append(decode_record(CatalogView, output.value))


class Outcome(NamedTuple):
    """All as the JSON objects that `omni tail` and `omni customer` show; `products` every record of `catalog.view`."""

    triggers: list[Object]
    decisions: list[Object]
    identity_changes: list[Object]
    customers: list[Object]
    products: list[CatalogView]
    audiences: list[Object]

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
            [product for product in self.products if product.tenant == scenario.tenant],
            [each for each in self.audiences if _is(each, scenario) and each["audience"] in scenario.audience_names],
        )

    def assortment(self, at_ms: int, store: str | None, size: str | None) -> Object:
        """Return what a store should have offered at a time, by the products as they were known then."""
        known = {
            product.sku: product
            for product in sorted(self.products, key=lambda product: product.updated_at_ms)
            if product.updated_at_ms <= at_ms
        }
        wrong = {"wrong_channel": wrong_channels(known.values(), at_ms)}
        if size is not None:
            wrong["in_size"] = in_size(known.values(), size, store, most=10)
        return {**assortment(known.values(), at_ms, store, most=10), **wrong}

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


def outcome_of(simulation: Followed) -> Outcome:
    """Return what a simulation gave."""
    return Outcome(
        [to_json(trigger) for trigger in simulation.triggers()],
        [to_json(decision) for decision in simulation.decisions()],
        [to_json(change) for change in simulation.identity_changes()],
        [json.loads(line) for line in simulation.customer_lines()],
        simulation.products,
        [to_json(each) for each in simulation.audience_members()],
    )


def _is(record: Object, scenario: Scenario) -> bool:
    return bool(record["tenant"] == scenario.tenant)
