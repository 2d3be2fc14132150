from __future__ import annotations

import pytest

from pipeline.suggestions.records import TRAITS, Record, pairs_alike, tidied, trait_name
from pipeline.suggestions.words import Suggestion, confirming


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("1984-05-12", "1984-05-12"),
        ("1984-05-12T23:30:00.000Z", "1984-05-12"),
        ("19840512", "1984-05-12"),
        ("12.05.1984", "1984-05-12"),
        (" 3.9.1971 ", "1971-09-03"),
        ("05/12/1984", ""),
        ("1984-02-31", ""),
        ("1970-01-01", ""),
        ("0001-01-01", ""),
        ("soon", ""),
    ],
)
def test_a_birth_date_is_read_where_it_can_only_be_one_and_was_not_put_in_by_a_form(told: str, date: str) -> None:
    assert tidied({"birthday": told}).get("birth_date", "") == date


def test_the_first_name_of_a_field_that_says_anything_is_taken() -> None:
    assert tidied({"addresscity": " - ", "city": "Köln", "town": "Ulm"}) == {"city": "koln"}


def test_a_whole_name_is_split_only_where_nothing_better_is_told() -> None:
    assert tidied({"name": "Anna Maria Engel"}) == {"given_name": "anna", "surname": "maria engel"}
    assert tidied({"name": "Anna Engel", "lastname": "Keller"}) == {"surname": "keller"}
    assert tidied({"name": "Cher"}) == {}


def test_names_of_properties_in_the_table_are_spelled_as_they_are_looked_up() -> None:
    names = [name for names in TRAITS.values() for name in names]

    assert names == list(map(trait_name, names))
    assert len(names) == len(set(names))


def test_pairs_alike_are_counted_among_those_who_told_all_of_the_fields() -> None:
    told = [{"surname": "a", "city": "x"}, {"surname": "a", "city": "x"}, {"surname": "a"}, {"surname": "b"}]
    records = [Record(str(number), ("email", str(number)), fields) for number, fields in enumerate(told)]

    assert pairs_alike(records, "surname") == 3
    assert pairs_alike(records, "surname", "city") == 1


def test_the_command_to_confirm_can_be_pasted_into_a_shell() -> None:
    left, right = Record("1", ("social", "it's me; ls"), {}), Record("2", ("email", "a@example.com"), {})

    command = confirming(Suggestion(left, right, 0.9, ()), "default")

    assert command == """omni identity merge 'social:it'"'"'s me; ls' email:a@example.com"""
