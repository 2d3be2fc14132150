"""Compares what a story expects with what came of it."""

from __future__ import annotations

from typing import Any

from pipeline.domain.time import rfc3339
from tests.scenarios.outcome import Outcome
from tests.scenarios.scenario import Object, Scenario, clock_ms, is_clock


def differences(scenario: Scenario, outcome: Outcome) -> list[str]:
    """Return in words all that is not as expected: nothing may be missing, no message or customer be too many."""
    expected = scenario.expected.quoting(outcome.quote)
    return messages_unlike(scenario, outcome) + _unlike("customer", outcome.customers, expected.customers)


def messages_unlike(scenario: Scenario, outcome: Outcome) -> list[str]:
    """Return the same without the customers: what was sent, what was not, identity, what stores should offer."""
    expected = scenario.expected.quoting(outcome.quote)
    not_sent = [decision for decision in outcome.decisions if decision["outcome"] != "fired"]
    sorts = {change["change"] for change in expected.identity}
    changes = [change for change in outcome.identity_changes if change["change"] in sorts]
    return [
        *_unlike("message", [_shown(outcome, t, "fired_at") for t in outcome.triggers], expected.triggers),
        *_unlike("not sent", [_shown(outcome, d, "decided_at") for d in not_sent], expected.not_sent),
        *_unlike("identity", [{**change, "at": change["occurred_at"]} for change in changes], expected.identity),
        *(found for each in expected.assortments if (found := _assortment_unlike(each, outcome)) is not None),
    ]


def members_unlike(members: list[Object], outcome: Outcome) -> list[str]:
    """Return in words who should be in an audience, or be shown other products, and who should not be there."""
    found = [
        {**each, "to": outcome.identifiers_of(each["customer_id"])} for each in outcome.audiences if each["member"]
    ]
    return _unlike("member", found, members)


def difference(expected: Any, actual: Any, place: str = "") -> str | None:
    """Say where `actual` is not what is expected, None if it is.

    Of an object only the parts named count, but for `identifiers`, which are all. A list is compared entry by entry.
    An item may be named by its SKU, a time be one of the story.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        if place.endswith(".identifiers") and expected.keys() != actual.keys():
            return f"{place}: {actual}, not {expected}"
        parts = (difference(part, actual.get(name), f"{place}.{name}") for name, part in expected.items())
        return next((found for found in parts if found), None)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next((found for n, (e, a) in pairs if (found := difference(e, a, f"{place}[{n}]"))), None)
    if isinstance(expected, str) and isinstance(actual, dict) and "sku" in actual:
        actual = actual["sku"]
    if isinstance(expected, str) and is_clock(expected):
        expected = rfc3339(clock_ms(expected))
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return None if same else f"{place}: {actual!r}, not {expected!r}"


def _assortment_unlike(expected: Object, outcome: Outcome) -> str | None:
    lists = dict(expected)
    at, store, size = lists.pop("at"), lists.pop("store", None), lists.pop("size", None)
    place = f"assortment of {store or 'all stores'} at {at}"
    return difference(lists, outcome.assortment(clock_ms(at), store, size), place)


def _shown(outcome: Outcome, record: Object, time: str) -> Object:
    """Add what a story calls it: `at`, and the identifiers `to` whom it went."""
    return {**record, "at": record[time], "to": outcome.identifiers_of(record["customer_id"])}


def _unlike(what: str, actual: list[Object], expected: list[Object]) -> list[str]:
    left, said = list(actual), []
    for wanted in expected:
        found = next((each for each in left if difference(wanted, each) is None), None)
        if found is not None:
            left.remove(found)
            continue
        near = [difference(wanted, each) or "" for each in left if _alike(wanted, each)]
        said.append(f"{what} expected, and not there: {wanted}\n    {'; or '.join(near) or 'nothing is like it'}")
    return said + [f"{what} not expected: {each}" for each in left]


def _alike(wanted: Object, each: Object) -> bool:
    names = [name for name in ("rule", "audience", "identifiers") if name in wanted]
    return bool(names) and difference({name: wanted[name] for name in names}, each) is None
