"""Records of people with the truth beside them: what exact identifiers join, and that they join nobody wrongly."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import combinations

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation
from tests.bench.storm import storm
from tests.harness.rees46 import DATA, sample
from tests.simulation.identity_model import NO_LIMITS, START_MS

Record = tuple[str, str, str]
"""Its id, its identifier ("" for none), the person it is of."""


@pytest.fixture
def febrl() -> list[Record]:
    rows = csv.DictReader(sample(DATA / "identity" / "febrl1.csv").open(), skipinitialspace=True)
    return [(row["rec_id"], row["soc_sec_id"], row["rec_id"].split("-")[1]) for row in rows]


@pytest.fixture
def splink() -> list[Record]:
    rows = csv.DictReader(sample(DATA / "identity" / "splink_fake_1000.csv").open())
    return [(row["unique_id"], row["email"], row["cluster"]) for row in rows]


def joined(records: Iterable[Record], kind: str) -> list[list[str]]:
    """Return the records of each customer."""
    simulation = Simulation(load_settings(environ={}), Rules("", ()), NO_LIMITS, Conditions(4, seed=1))
    events = [
        ChannelEvent(f"e-{number}", "identified", "web", START_MS + number, {"record": record} | known)
        for number, (record, value, _) in enumerate(records)
        for known in [{kind: value} if value else {}]
    ]
    simulation.play([simulation.read(event) for event in events])
    return [json.loads(line)["identifiers"].get("record", []) for line in simulation.customer_lines()]


def pairs(groups: Iterable[Iterable[str]]) -> Iterator[tuple[str, str]]:
    for group in groups:
        yield from combinations(sorted(group), 2)


def judged(records: list[Record], kind: str) -> tuple[int, int]:
    """Return how many pairs were found, and how many of them are not of one person."""
    person = {record: who for record, _, who in records}
    found = list(pairs(joined(records, kind)))
    return len(found), sum(person[one] != person[other] for one, other in found)


def test_exact_social_security_numbers_find_450_of_500_pairs_of_febrl1_and_none_that_is_false(
    febrl: list[Record],
) -> None:
    assert judged(febrl, "soc_sec_id") == (450, 0)


def test_exact_e_mail_addresses_find_682_pairs_of_splink_fake_1000_and_none_that_is_false(
    splink: list[Record],
) -> None:
    assert judged(splink, "email") == (682, 0)


def test_thousands_of_customers_that_merge_at_once_in_any_order_end_in_the_right_sets() -> None:
    result = storm(customers=3_000, sets=30, seed=7)

    assert result.right
    assert (result.sets, result.merges, result.lost_events) == (30, 2_970, 0)
