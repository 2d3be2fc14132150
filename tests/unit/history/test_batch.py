from __future__ import annotations

import pytest

from pipeline.domain.records import DeadLetter
from pipeline.history.batch import FEW_ROWS, Batch, sift
from pipeline.history.engine import RowsRefused
from pipeline.history.rows import Kind, Row
from tests.harness.blocks import read
from tests.history_rows import ONE_OF_EACH, event_row


def test_the_rows_of_a_batch_are_those_that_were_added_in_their_order() -> None:
    batch = Batch()
    numbers = range(2 * FEW_ROWS + 7)
    for number in numbers:
        batch.add([event_row(f"e-{number}", number)])

    ((kind, block),) = batch.blocks()

    assert (kind, block.rows, batch.rows) == (Kind.EVENT, len(numbers), len(numbers))
    assert [row["position"] for row in read(block)] == list(numbers)


def test_each_kind_is_a_block_of_its_own_in_the_order_in_which_they_are_written() -> None:
    batch = Batch()
    batch.add(list(reversed(ONE_OF_EACH)))

    assert [(kind, block.table) for kind, block in batch.blocks()] == [
        (Kind.EVENT, "events_log"),
        (Kind.TRIGGER, "triggers_log"),
        (Kind.DECISION, "decisions_log"),
        (Kind.IDENTITY_CHANGE, "identity_changes_log"),
        (Kind.DEAD_LETTER, "dead_letters_log"),
    ]


def test_a_row_that_cannot_be_encoded_is_a_dead_letter_among_the_others() -> None:
    batch = Batch()
    batch.add([event_row("e-1", 1), event_row("e-2", 2, order_id="\ud83d"), event_row("e-3", 3)])

    (_, events), (_, letters) = batch.blocks()

    assert [row["event_id"] for row in read(events)] == ["e-1", "e-3"]
    (letter,) = read(letters)
    assert (letter["topic"], letter["offset"], letter["reason"]) == ("customer.inbox", 9, "not_storable")
    assert batch.refused == 1


def test_the_rows_that_are_refused_are_found_with_few_attempts() -> None:
    rows = [event_row(f"e-{number}", number) for number in range(1_000)]
    stored: list[Row] = []
    attempts = []

    def attempt(some: list[Row] | tuple[Row, ...]) -> None:
        attempts.append(len(some))
        if any(row.kind is Kind.EVENT and row.position in (17, 800) for row in some):
            raise RowsRefused("one of these")
        stored.extend(some)

    assert sift(rows, attempt) == 2  # type: ignore[arg-type]
    assert [row.position for row in stored if row.kind is Kind.EVENT] == [n for n in range(1_000) if n not in (17, 800)]
    assert sum(row.kind is Kind.DEAD_LETTER for row in stored) == 2
    assert len(attempts) < 50


def test_what_a_database_quotes_of_a_customer_is_in_the_dead_letter_and_not_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored: list[Row] = []

    def attempt(some: list[Row] | tuple[Row, ...]) -> None:
        if some[0].kind is Kind.EVENT:
            raise RowsRefused("Cannot parse 'anna@example.com' as a number")
        stored.extend(some)

    assert sift([event_row("e-1", 7)], attempt) == 1  # type: ignore[arg-type]
    (letter,) = stored
    assert isinstance(letter.record, DeadLetter)
    assert "anna@example.com" in letter.record.detail
    assert "a row for events, 7 of channel.web/3, cannot be stored" in caplog.text
    assert "anna" not in caplog.text
