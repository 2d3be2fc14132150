from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import AnyLine, Rejected
from tests.harness.data_sets import events_of
from tests.unit.sources.reading import events_in, read_rows
from tests.unit.sources.test_sources import CDNOW_HEADER


def read(tmp_path: Path, *rows: str) -> list[AnyLine]:
    return read_rows("cdnow", CDNOW_HEADER, tmp_path, *rows)


def test_a_row_is_an_order_at_midnight_worth_what_was_paid(tmp_path: Path) -> None:
    (event,) = events_in(read(tmp_path, "00002,19970112,5,77.00"))

    assert event == ChannelEvent(
        event_id=event.event_id,
        event_type="order_completed",
        channel="web",
        occurred_at_ms=853_027_200_000,
        identifiers={"account": "00002"},
        order_id=event.event_id,
        items=(Item("cd", 5),),
        amount_minor=7_700,
        currency="USD",
    )


def test_equal_rows_are_several_orders_with_the_same_ids_each_time(tmp_path: Path) -> None:
    row, other = "00002,19970112,1,12.00", "00002,19970113,1,12.00"

    ids = [event.order_id for event in events_in(read(tmp_path, row, other, row, row))]

    assert len(set(ids)) == 4
    assert [event.order_id for event in events_in(read(tmp_path, row, other, row, row))] == ids


def test_orders_are_told_as_they_happened_though_the_file_stands_by_customer(tmp_path: Path) -> None:
    rows = ("00001,19970103,1,1.00", "00001,1997,1,1.00", "00002,19970101,1,2.00", "00002,19970103,1,3.00")

    first, second, wrong, third = read(tmp_path, *rows)

    assert [event.amount_minor for event in events_in((first, second, third))] == [200, 100, 300]
    assert isinstance(wrong, Rejected)
    assert wrong.line == 3


def test_a_free_order_is_an_order(tmp_path: Path) -> None:
    (event,) = events_in(read(tmp_path, "00002,19970112,1,0.00"))

    assert (event.event_type, event.amount_minor) == ("order_completed", 0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("00002,19970112,5", "undecodable: 3 columns, 4 are wanted"),
        ("00002,19971301,5,77.00", "bad_time: date: '19971301' is not like '19970101'"),
        ("00002,19970112,some,77.00", "wrong_type: number_of_cds: expected a number, got 'some'"),
        ("00002,19970112,1.5,77.00", "bad_value: number_of_cds: '1.5' is not a whole number"),
        ("00002,19970112,5,77.001", "bad_value: dollar_value: '77.001' is not a sum of whole cents"),
    ],
)
def test_a_row_that_makes_no_sense_is_rejected_naming_the_column(row: str, said: str, tmp_path: Path) -> None:
    (rejected,) = read(tmp_path, row)

    assert isinstance(rejected, Rejected)
    assert f"line 2: {said}" in str(rejected)


def test_the_sample_has_the_counts_of_its_readme() -> None:
    events = events_of("cdnow")

    assert len({event.event_id for event in events}) == len(events) == 62_740
    assert len({event.identifiers["account"] for event in events}) == 21_213
    assert sum(event.items[0].quantity for event in events) == 151_402
    assert sum(event.amount_minor or 0 for event in events) == 225_622_369
    equal = Counter((*event.identifiers.values(), event.occurred_at_ms, event.items[0].quantity, event.amount_minor)
                    for event in events)  # fmt: skip
    assert sum(times - 1 for times in equal.values()) == 234
    assert sum(event.amount_minor == 0 for event in events) == 72
