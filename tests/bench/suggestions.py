"""`python -m tests.bench.suggestions`: precision and recall of `omni identity suggest`, and of a plain exact rule.

The records are of people with the truth beside them. Prints the table of pipeline/suggestions/README.md.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import NamedTuple, TypeAlias

from pipeline.suggestions.model import suggest
from pipeline.suggestions.records import Record, tidied
from tests.harness.rees46 import DATA, sample

THRESHOLDS = (0.5, 0.8, 0.95, 0.99)

Pairs: TypeAlias = set[frozenset[str]]


class People(NamedTuple):
    """Records, and which pairs of them are one person."""

    records: list[Record]
    pairs: Pairs


class Measured(NamedTuple):
    """One row of the table: what was asked of a set of records, and how much of the answer was right and complete."""

    data: str
    rule: str
    found: int
    right: int
    true: int

    @property
    def precision(self) -> float:
        """Of the pairs found, the share that are one person."""
        return self.right / self.found

    @property
    def recall(self) -> float:
        """Of the pairs that are one person, the share found."""
        return self.right / self.true

    def __str__(self) -> str:
        """As a row of Markdown."""
        return (
            f"| {self.data} | {self.rule} | {self.found:,} | {self.found - self.right:,} "
            f"| {self.precision:.3f} | {self.recall:.3f} |"
        )


def febrl1(twice: int = 500) -> People:
    """Records of 500 people, some of them told twice; the social security number is left out."""
    with sample(DATA / "identity" / "febrl1.csv").open() as lines:
        return _people(
            (
                row["rec_id"],
                row["rec_id"].split("-")[1],
                {
                    "firstname": row["given_name"],
                    "lastname": row["surname"],
                    "birthday": row["date_of_birth"],
                    "street": f"{row['street_number']} {row['address_1']}",
                    "postcode": row["postcode"],
                    "city": row["suburb"],
                },
            )
            for row in csv.DictReader(lines, skipinitialspace=True)
            if row["rec_id"].endswith("-org") or int(row["rec_id"].split("-")[1]) < twice
        )


def fake_1000(*, email: bool) -> People:
    """1,000 records of 251 people with many errors. With one e-mail address, customers are one without suggestions."""
    with sample(DATA / "identity" / "splink_fake_1000.csv").open() as lines:
        return _people(
            (
                row["unique_id"],
                row["cluster"],
                {
                    "firstname": row["first_name"],
                    "lastname": row["surname"],
                    "birthday": row["dob"],
                    "city": row["city"],
                    "email": row["email"] if email else "",
                },
            )
            for row in csv.DictReader(lines)
        )


def _people(rows: Iterable[tuple[str, str, dict[str, str]]]) -> People:
    """Take (record id, person, traits)."""
    told = list(rows)
    records = [Record(record, ("record", record), tidied(traits)) for record, _, traits in told]
    by_person: dict[str, list[str]] = {}
    for record, person, _ in told:
        by_person.setdefault(person, []).append(record)
    return People(records, {frozenset(pair) for group in by_person.values() for pair in combinations(group, 2)})


def exact(records: Iterable[Record]) -> Pairs:
    """Return the pairs with the same surname and birth date: the plain rule to compare with."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in records:
        if "surname" in each.fields and "birth_date" in each.fields:
            groups.setdefault((each.fields["surname"], each.fields["birth_date"]), []).append(each.customer_id)
    return {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}


def measure() -> Iterator[Measured]:
    """Yield the rows of the table."""
    for name, people in (
        ("febrl1", febrl1()),
        ("febrl1, 25 of 500 told twice", febrl1(twice=25)),
        ("splink_fake_1000", fake_1000(email=True)),
        ("splink_fake_1000, no e-mail", fake_1000(email=False)),
    ):
        by_rule = {"same surname and birth date": exact(people.records)}
        suggested = suggest(people.records, min(THRESHOLDS))
        for threshold in THRESHOLDS:
            by_rule[f"suggest, {threshold}"] = {
                frozenset((each.left.customer_id, each.right.customer_id))
                for each in suggested
                if each.probability >= threshold
            }
        for rule, found in by_rule.items():
            yield Measured(name, rule, len(found), len(found & people.pairs), len(people.pairs))


if __name__ == "__main__":
    logging.getLogger("splink").setLevel(logging.ERROR)  # it warns of each value that is too rare to learn from
    for row in measure():
        print(row)
