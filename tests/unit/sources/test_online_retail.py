from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.sources import AnyLine, Rejected
from pipeline.sources import online_retail as source
from tests.harness.data_sets import events_of
from tests.unit.sources.reading import events_in, read_rows
from tests.unit.sources.test_sources import ONLINE_RETAIL_HEADER


def row(invoice: str, sku: str, quantity: int, day: int = 1, customer: str = "12662", price: str = "2.50") -> str:
    return f"{invoice},{sku}, GIFT ,{quantity},12/{day}/2010 13:04,{price},{customer},Germany"


def read(tmp_path: Path, *rows: str) -> list[AnyLine]:
    return read_rows("online_retail", ONLINE_RETAIL_HEADER, tmp_path, *rows)


def refunds(lines: list[AnyLine]) -> list[tuple[str, str | None, list[tuple[str, int]], int | None]]:
    return [
        (event.event_id, event.order_id, [(item.sku, item.quantity) for item in event.items], event.amount_minor)
        for event in events_in(lines)
        if event.event_type == "order_refunded"
    ]


def test_the_lines_of_an_invoice_are_one_order(tmp_path: Path) -> None:
    (line,) = read(tmp_path, row("536527", "A", 6), row("536527", "POST", 1, price="18"), row("536527", "A", 6))

    assert events_in([line]) == [
        ChannelEvent(
            event_id="online_retail-536527",
            event_type="order_completed",
            channel="web",
            occurred_at_ms=1_291_208_640_000,
            identifiers={"account": "12662"},
            order_id="536527",
            items=(
                Item("A", 6, 250, "GBP", {"name": "GIFT"}),
                Item("POST", 1, 1_800, "GBP", {"name": "GIFT"}),
                Item("A", 6, 250, "GBP", {"name": "GIFT"}),
            ),
            amount_minor=4_800,
            currency="GBP",
            context=Context(country="DE"),
        )
    ]
    assert line.line == 2
    assert line.original.count(b"\n") == 2


def test_what_comes_back_is_a_refund_of_the_orders_it_was_bought_with_the_newest_first(tmp_path: Path) -> None:
    orders = (row("1", "A", 5), row("1", "B", 1), row("2", "A", 2, day=2), row("3", "A", 9, day=3, customer="other"))

    lines = read(tmp_path, *orders, row("C4", "A", -4, day=4), row("C4", "B", -1, day=4), row("C5", "A", -4, day=5))

    assert refunds(lines) == [
        ("online_retail-C4-2", "2", [("A", 2)], 500),
        ("online_retail-C4-1", "1", [("A", 2), ("B", 1)], 750),
        ("online_retail-C5-1", "1", [("A", 3)], 750),
        ("online_retail-C5-C5", "C5", [("A", 1)], 250),
    ]


def test_what_was_bought_before_the_file_begins_is_a_refund_of_an_order_nobody_knows(tmp_path: Path) -> None:
    lines = read(tmp_path, row("1", "A", 5, customer=""), row("C2", "A", -1, customer=""))

    assert refunds(lines) == [("online_retail-C2-C2", "C2", [("A", 1)], 250)]


def test_purchases_remembered_for_returns_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BOUGHT_KEPT", 1)

    lines = read(tmp_path, row("1", "A", 5), row("2", "B", 5), row("C3", "A", -1), row("C4", "B", -1))

    assert [order_id for _, order_id, _, _ in refunds(lines)] == ["C3", "2"]


def test_an_order_lacks_the_line_that_was_rejected_and_no_other(tmp_path: Path) -> None:
    order, wrong, other = read(
        tmp_path, row("1", "A", 5), row("1", "B", 5, price="much"), row("1", "C", 5), row("2", "D", 1)
    )

    assert [[item.sku for item in event.items] for event in events_in((order, other))] == [["A", "C"], ["D"]]
    assert isinstance(wrong, Rejected)
    assert wrong.line == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("1", "A", -5)], "line 2: bad_value: Quantity: -5 in 1, which takes nothing back"),
        ([row("C1", "A", 5)], "line 2: bad_value: Quantity: 5 in C1, which takes goods back"),
        (
            [row("1", "A", 5), row("2", "A", 5), row("1", "B", 5)],
            "line 4: bad_value: the basket '1' was closed before: its lines must follow each other, sort them by it",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_rejected_saying_why(rows: list[str], said: str, tmp_path: Path) -> None:
    rejected = [line for line in read(tmp_path, *rows) if isinstance(line, Rejected)]

    assert [str(line).partition(": ")[2] for line in rejected] == [said]


def test_the_sample_has_the_counts_of_its_readme() -> None:
    events = events_of("online_retail")
    orders = [event for event in events if event.event_type == "order_completed"]
    refunded = [event for event in events if event.event_type == "order_refunded"]

    assert len({event.event_id for event in events}) == len(events)
    assert len(orders) == 603 - 146
    assert len({event.event_id.split("-")[1] for event in refunded}) == 146
    assert len({event.identifiers["account"] for event in events}) == 95
    assert len({item.sku for event in events for item in event.items}) == 1_671
    assert sum(event.amount_minor or 0 for event in orders) - sum(event.amount_minor or 0 for event in refunded) == (
        22_169_821
    )
    of_nothing = [event for event in refunded if event.order_id and event.order_id.startswith("C")]
    assert sum(event.amount_minor or 0 for event in of_nothing) == 105_707
    assert sum(len(event.items) for event in of_nothing) == 58
