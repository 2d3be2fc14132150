"""What suggestions read from the history, on the embedded engine and on a real server."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.identity.changes import Change
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import IdentityChange
from pipeline.history.rows import Kind, Row
from pipeline.history.writer import HistoryWriter
from pipeline.suggestions.people import kept_apart, people
from pipeline.suggestions.records import Record
from tests.history_rows import ORIGIN, TEN_O_CLOCK, arrived

pytestmark = pytest.mark.clickhouse

Identifiers = tuple[tuple[str, str], ...]


def event(number: int, customer_id: str, identifiers: Identifiers, properties: dict[str, Any], **fields: Any) -> Row:
    record = arrived(
        f"e-{number}",
        customer_id=customer_id,
        occurred_at_ms=TEN_O_CLOCK + number,
        properties=properties,
        **{"event_type": "identified"} | fields,
    )
    return Row(Kind.EVENT, replace(record, identifiers=identifiers), "customer.inbox/1", number, ORIGIN)


def change(number: int, kind: Change, customer_id: str, other: str, parts: dict[str, int]) -> Row:
    record = IdentityChange(
        f"i-{number}", "default", kind, customer_id, "email", "m@example.com", "operator", f"e-{number}",
        TEN_O_CLOCK + number, other, "m-1", parts,
    )  # fmt: skip
    return Row(Kind.IDENTITY_CHANGE, record, "identity.changes/1", number, ORIGIN)


def test_a_customer_is_what_its_latest_words_and_its_identifiers_say(history: HistoryWriter) -> None:
    mail, cookie = ("email", "anna@example.com"), ("cookie", "c-9")
    history.write(
        [
            event(1, "a", (cookie,), {"firstName": "Ana", "lastName": "Engel", "birthday": "1984-05-12"}),
            event(2, "a", (mail, cookie), {"first_name": "Anna", "address.postalCode": 1067, "lastName": None}),
            event(3, "a", (mail,), {"lastName": "Lamp", "name": "Lamp"}, event_type="product_viewed"),
            event(4, "one-field", (("email", ""),), {"lastName": "Engel"}),
            event(5, "nameless", (("event", "e-5"),), {"firstName": "Ben", "lastName": "Engel"}),
            event(6, "elsewhere", (mail,), {"firstName": "Ben", "lastName": "Engel"}, tenant="north"),
        ]
    )

    fields = {"given_name": "anna", "surname": "engel", "birth_date": "1984-05-12", "postcode": "1067"}
    assert people(history.engine, "default", IdentityConfig()) == [
        Record("a", mail, fields | {"email": "anna@example.com"})
    ]


def test_those_taken_apart_are_named_as_whom_they_are_part_of_now(history: HistoryWriter) -> None:
    history.write(
        [
            change(1, "merged", "a", "b", {"b": 1}),
            change(2, "unmerged", "a", "b", {"b": 2}),
            change(3, "merged", "c", "b", {"b": 3}),
            change(4, "merged", "d", "e", {"e": 1}),
        ]
    )

    assert kept_apart(history.engine, "default") == {frozenset({"a", "c"})}
    assert kept_apart(history.engine, "north") == set()
