from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import AnyLine, Rejected, SourceError, find_source
from tests.harness.rees46 import CUSTOMERS, DISTINCT, EVENTS, REVENUE_MINOR
from tests.unit.sources.reading import events_in, read_rows
from tests.unit.sources.test_sources import REES46_HEADER


def read(tmp_path: Path, *rows: str) -> list[AnyLine]:
    return read_rows("rees46", REES46_HEADER, tmp_path, *rows)


def test_a_purchase_is_an_order_of_one_line_with_its_price_in_cents(tmp_path: Path) -> None:
    row = "2019-10-01 00:00:01 UTC,purchase,1307067,2053013558920217191,computers.notebook,lenovo,251.74,550050854,s-1"

    (event,) = events_in(read(tmp_path, row))

    assert event == ChannelEvent(
        event_id=event.event_id,
        event_type="order_completed",
        channel="web",
        occurred_at_ms=1_569_888_001_000,
        identifiers={"account": "550050854"},
        session_id="s-1",
        order_id=event.event_id,
        items=(Item("1307067", 1, 25_174, "USD"),),
        amount_minor=25_174,
        currency="USD",
        properties={"category": "computers.notebook", "category_id": "2053013558920217191", "brand": "lenovo"},
    )


def test_views_carts_and_removals_have_our_names_and_no_order(tmp_path: Path) -> None:
    rows = [f"2019-10-01 00:00:01 UTC,{kind},1,2,,,0.57,3," for kind in ("view", "cart", "remove_from_cart")]

    events = events_in(read(tmp_path, *rows))

    assert [event.event_type for event in events] == ["product_viewed", "product_added", "product_removed"]
    assert {(event.order_id, event.amount_minor, event.session_id) for event in events} == {(None, None, None)}
    assert events[0].items[0].unit_price_minor == 57


def test_an_exact_repeat_has_the_same_id_and_any_difference_another(tmp_path: Path) -> None:
    row = "2019-10-01 00:00:01 UTC,view,1,2,,,0.57,3,s"

    first, repeat, other = events_in(read(tmp_path, row, row, row.replace(",3,s", ",4,s")))

    assert first == repeat
    assert first.event_id != other.event_id


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2019-10-01 00:00:01 UTC,view,1,2,,,0.57,3", "undecodable: 8 columns, 9 are wanted"),
        ("2019-10-01 00:00:01 UTC,wish,1,2,,,0.57,3,s", "bad_value: event_type: 'wish' is none of view, cart"),
        ("2019-10-01 00:00:01 UTC,view,1,2,,,much,3,s", "wrong_type: price: expected a number, got 'much'"),
        ("2019-10-01 00:00:01 UTC,view,1,2,,,0.571,3,s", "bad_value: price: '0.571' is not a sum of whole cents"),
        ("2019-10-01 00:00:01 UTC,view,1,2,,,NaN,3,s", "bad_value: price: 'NaN' is not a sum of whole cents"),
        ("2019-10-01 00:00:01 UTC,view,1,2,,,1e999999,3,s", "wrong_type: price: expected a number, got '1e999999'"),
        ("2019-10-01 00:00:01 UTC,view,1,2,,,1e99999,3,s", "bad_value: price: '1e99999' is not a sum of whole cents"),
        ("01.10.2019,view,1,2,,,0.57,3,s", "bad_time: event_time: '01.10.2019' is not like"),
    ],
)
def test_a_row_that_makes_no_sense_is_rejected_naming_the_column(row: str, said: str, tmp_path: Path) -> None:
    (rejected,) = read(tmp_path, row)

    assert isinstance(rejected, Rejected)
    assert f"line 2: {said}" in str(rejected)


def test_a_file_with_other_columns_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("a,b\n1,2\n")

    with pytest.raises(SourceError, match="its columns are 'a,b', not 'event_time,event_type"):
        list(find_source("rees46").read(path))


def test_the_sample_has_the_counts_its_authors_name(rees46_sample: Path) -> None:
    events = events_in(find_source("rees46").read(rees46_sample))
    distinct = {event.event_id: event for event in events}.values()

    assert (len(events), len(distinct)) == (EVENTS, DISTINCT)
    assert Counter(event.event_type for event in distinct) == {
        "product_viewed": 8_545, "product_added": 88, "order_completed": 110,
    }  # fmt: skip
    assert len({event.identifiers["account"] for event in distinct}) == CUSTOMERS
    assert len({event.items[0].sku for event in distinct}) == 3_790
    assert sum(event.amount_minor or 0 for event in distinct) == REVENUE_MINOR
