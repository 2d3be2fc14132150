"""The comparison itself: Splink, unsupervised, on DuckDB in this process. Needs the extra `suggest`.

Splink learns from the records alone how often fields agree by chance, and how often between records of one customer
(Fellegi and Sunter's model, by expectation maximisation), and how much rarer names weigh. Nothing leaves the process.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, redirect_stdout, suppress
from typing import Any, Final

import duckdb
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule
from splink.comparison_library import (
    DamerauLevenshteinAtThresholds,
    EmailComparison,
    JaroWinklerAtThresholds,
    LevenshteinAtThresholds,
    NameComparison,
)

from pipeline.suggestions.records import Record, pairs_alike
from pipeline.suggestions.words import Agreement, How, Suggestion

RECORDS_NEEDED: Final = 100
"""With fewer, how often a name occurs says nothing."""

COMPARISONS: Final = {
    "given_name": NameComparison("given_name", jaro_winkler_thresholds=[0.92, 0.8]).configure(
        m_probabilities=[0.75, 0.1, 0.08, 0.07]
    ),
    "surname": NameComparison("surname", jaro_winkler_thresholds=[0.92, 0.8]).configure(
        m_probabilities=[0.8, 0.07, 0.05, 0.08]
    ),
    "birth_date": DamerauLevenshteinAtThresholds("birth_date", [1, 2]).configure(
        m_probabilities=[0.85, 0.07, 0.03, 0.05]
    ),
    "street": JaroWinklerAtThresholds("street", [0.92, 0.8]).configure(
        term_frequency_adjustments=True, m_probabilities=[0.6, 0.1, 0.05, 0.25]
    ),
    "postcode": DamerauLevenshteinAtThresholds("postcode", [1]).configure(
        term_frequency_adjustments=True, m_probabilities=[0.65, 0.1, 0.25]
    ),
    "city": JaroWinklerAtThresholds("city", [0.88]).configure(
        term_frequency_adjustments=True, m_probabilities=[0.7, 0.1, 0.2]
    ),
    "email": EmailComparison("email").configure(m_probabilities=[0.1, 0.15, 0.1, 0.05, 0.6]),
    "phone": LevenshteinAtThresholds("phone", [1]).configure(m_probabilities=[0.2, 0.1, 0.7]),
}
"""Field → how two values are compared, the same first, then the more and more unlike.

`m_probabilities`: how often each is so between two records of one customer. A guess, from which learning begins and
which holds where there are too few pairs to learn from. E-mail and phone mostly differ: who shares one is one
customer without this.
"""

CANDIDATES: Final = (
    ("birth_date",), ("given_name", "surname"), ("surname", "postcode"), ("given_name", "postcode"),
    ("surname", "city"), ("street", "postcode"), ("email",), ("phone",),
    ("surname", "birth_year"), ("given_name", "birth_year"),
)  # fmt: skip
"""Only pairs that are alike in all fields of one of these are compared: all pairs would be too many."""
SWAPPED: Final = "l.given_name = r.surname and l.surname = r.given_name"

CERTAIN: Final = (
    ("given_name", "surname", "birth_date"), ("surname", "birth_date", "postcode"), ("given_name", "surname", "street"),
    ("email",), ("phone",),
)  # fmt: skip
"""Pairs alike in all fields of one of these are mostly one customer: their number tells how many there are."""
CERTAIN_SHARE: Final = 0.5
"""Of the pairs that are one customer, about this share is found so; a wrong guess moves all probabilities alike."""

TRAINING: Final = (("birth_date",), ("given_name", "surname"), ("street", "postcode"), ("email",))
"""Pairs alike in these train the comparisons of all other fields."""
TRAINING_PAIRS: Final = 20
"""Of these, so many must be nearly certain: what fewer teach is chance."""

SAMPLED_PAIRS: Final = 1_000_000
"""Pairs from which to learn how often fields agree by chance: two seconds of work."""
SEED: Final = 1


def suggest(
    records: Sequence[Record], threshold: float, apart: Collection[frozenset[str]] = frozenset()
) -> list[Suggestion]:
    """Return the pairs that are one customer with a probability of at least `threshold`, the likeliest first.

    Pairs of `apart` (customer ids) are left out. There must be RECORDS_NEEDED.
    """
    fields = [field for field in COMPARISONS if sum(field in record.fields for record in records) > 1]
    rules = _candidates(fields)
    if not rules:
        return []
    known = {record.customer_id: record for record in records}
    with closing(duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})) as database:
        database.execute("SET enable_progress_bar = false")
        with redirect_stdout(sys.stderr):
            found = _predicted(database, records, fields, rules, threshold)
    suggestions = []
    for row in found:
        left, right = known[row["unique_id_l"]], known[row["unique_id_r"]]
        if frozenset((left.customer_id, right.customer_id)) not in apart:
            agreements = tuple(_agreement(field, left, right, row) for field in fields)
            suggestions.append(Suggestion(left, right, round(row["match_probability"], 6), agreements))
    return sorted(suggestions, key=lambda each: (-each.probability, each.left.customer_id, each.right.customer_id))


def _predicted(
    database: duckdb.DuckDBPyConnection,
    records: Sequence[Record],
    fields: Sequence[str],
    rules: list[Any],
    threshold: float,
) -> list[dict[str, Any]]:
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[COMPARISONS[field] for field in fields],
        blocking_rules_to_generate_predictions=rules,
        probability_two_random_records_match=_prior(records),
        retain_intermediate_calculation_columns=True,
    )
    columns = {field: [each.fields.get(field) for each in records] for field in fields}
    columns["birth_year"] = [each.fields.get("birth_date", "")[:4] or None for each in records]
    columns["unique_id"] = [each.customer_id for each in records]
    linker = Linker(DuckDBAPI(database).register(columns), settings, log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
    for alike in TRAINING:
        certain = max(pairs_alike(records, *{*alike, *others}) for others in CERTAIN)
        if certain >= TRAINING_PAIRS and not set(fields) <= set(alike):
            with suppress(ValueError):  # a probability too small to go on with: what was known before holds
                linker.training.estimate_parameters_using_expectation_maximisation(block_on(*alike))
    return linker.inference.predict(threshold_match_probability=threshold).as_record_list()


def _candidates(fields: Collection[str]) -> list[Any]:
    known = {*fields, "birth_year"} if "birth_date" in fields else set(fields)
    rules: list[Any] = [block_on(*alike) for alike in CANDIDATES if known.issuperset(alike)]
    return [*rules, CustomRule(SWAPPED)] if known.issuperset(("given_name", "surname")) else rules


def _prior(records: Sequence[Record]) -> float:
    """Return the probability that two records taken at random are one customer."""
    found = max(pairs_alike(records, *alike) for alike in CERTAIN)
    return max(found, 1) / CERTAIN_SHARE / (len(records) * (len(records) - 1) / 2)


def _agreement(field: str, left: Record, right: Record, row: Mapping[str, Any]) -> Agreement:
    one, other = left.fields.get(field, ""), right.fields.get(field, "")
    level = row[f"gamma_{field}"]
    how: How = "unknown" if level < 0 else "same" if one == other else "similar" if level > 0 else "different"
    weight = row[f"mw_{field}"] + row.get(f"mw_tf_adj_{field}", 0.0)
    return Agreement(field, one, other, how, round(weight, 2))
