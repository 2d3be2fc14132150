from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.domain.events import ChannelEvent, Item
from pipeline.sources import AnyLine, Rejected, SourceError, find_source
from tests.harness.data_sets import events_of, file_of
from tests.unit.sources.reading import events_in, read_rows
from tests.unit.sources.test_sources import COMPLETE_JOURNEY_HEADER

PRODUCT_HEADER = "product_id,manufacturer_id,department,brand,product_category,product_type,package_size"


def row(basket: str, sku: str, quantity: str = "1", paid: str = "1.0") -> str:
    return f"993,32004,{basket},{sku},{quantity},{paid},0.09,0.0,0.0,1,2017-01-01T14:16:13"


def read(tmp_path: Path, *rows: str) -> list[AnyLine]:
    return read_rows("complete_journey", COMPLETE_JOURNEY_HEADER, tmp_path, *rows)


def test_the_lines_of_a_basket_are_one_order_at_the_till(tmp_path: Path) -> None:
    assert events_in(read(tmp_path, row("7", "A", "2", "3.5"), row("7", "B", "3", "5.0"))) == [
        ChannelEvent(
            event_id="complete_journey-7",
            event_type="order_completed",
            channel="pos",
            occurred_at_ms=1_483_280_173_000,
            identifiers={"account": "993"},
            store_id="32004",
            order_id="7",
            items=(Item("A", 2, 175, "USD"), Item("B", 3, 167, "USD")),
            amount_minor=850,
            currency="USD",
        )
    ]


def test_products_beside_give_a_line_its_category_and_name(tmp_path: Path) -> None:
    products = f"{PRODUCT_HEADER}\nA,194,GROCERY,National,COLD CEREAL,ALL FAMILY CEREAL,14 OZ\nB,1\n".encode()
    (tmp_path / "products_dev.csv.gz").write_bytes(gzip.compress(products))

    (event,) = events_in(read(tmp_path, row("7", "A"), row("7", "B")))

    assert [item.attributes for item in event.items] == [{"category": "COLD CEREAL", "name": "ALL FAMILY CEREAL"}, {}]


def test_what_is_no_number_of_pieces_is_one_piece_with_its_measure(tmp_path: Path) -> None:
    (event,) = events_in(read(tmp_path, row("7", "FUEL", "7234", "18.02"), row("7", "B", "41", "41.0")))

    fuel, pieces = event.items
    assert fuel == Item("FUEL", 1, 1_802, "USD", {"measure": "7234"})
    assert (pieces.quantity, pieces.unit_price_minor) == (41, 100)


def test_nothing_of_a_product_has_no_price_and_a_rest_of_binary_fractions_is_nothing(tmp_path: Path) -> None:
    (event,) = events_in(read(tmp_path, row("7", "A", "0", "2.220446e-16")))

    assert event.items == (Item("A", 0, None, "USD"),)
    assert event.amount_minor == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (row("8", "A", "1.5"), "bad_value: quantity: '1.5' is not a whole number of pieces"),
        (row("8", "A", "NaN"), "bad_value: quantity: 'NaN' is beyond all measure"),
        (row("8", "A", "1", "free"), "wrong_type: sales_value: expected a number, got 'free'"),
        (row("", "A"), "bad_value: basket_id is empty"),
        ("8,8", "undecodable: 2 columns, 11 are wanted"),
    ],
)
def test_a_line_that_makes_no_sense_is_rejected_naming_the_column(wrong: str, said: str, tmp_path: Path) -> None:
    order, rejected = read(tmp_path, row("7", "A"), wrong)

    assert len(events_in([order])) == 1
    assert isinstance(rejected, Rejected)
    assert f"line 3: {said}" in str(rejected)


def test_of_a_folder_only_transactions_and_products_are_read(tmp_path: Path) -> None:
    (tmp_path / "campaigns_dev.csv").write_text("campaign_id,household_id\n1,1483\n")

    assert len(read(tmp_path, row("7", "A"))) == 1
    assert len(list(find_source("complete_journey").read(tmp_path))) == 1


def test_a_folder_without_transactions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "campaigns_dev.csv").write_text("campaign_id,household_id\n1,1483\n")

    with pytest.raises(SourceError, match=r"no files here that end in .csv .* and begin transactions"):
        list(find_source("complete_journey").read(tmp_path))


def test_products_with_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("a,b\n")

    with pytest.raises(SourceError, match=r"products.csv: its columns are 'a,b', not 'product_id"):
        read(tmp_path, row("7", "A"))


def test_the_sample_has_the_counts_of_its_readme() -> None:
    events = events_of("complete_journey")

    assert len({event.event_id for event in events}) == len(events) == 19_996
    assert len({event.identifiers["account"] for event in events}) == 324
    assert len({event.store_id for event in events}) == 156
    assert len({item.sku for event in events for item in event.items}) == 28_410
    assert sum(len(event.items) for event in events) == 200_627
    nameless = sum("category" not in item.attributes for event in events for item in event.items)
    assert nameless == 642 + 218  # without a row in products, and with one that tells no category
    assert sum(event.amount_minor or 0 for event in events) == 60_447_243
    assert max(item.quantity for event in events for item in event.items) == 41


@pytest.mark.parametrize(
    ("one", "other", "together", "lift"),
    [
        ("BAKED BREAD/BUNS/ROLLS", "FLUID MILK PRODUCTS", 2_396, 1.9193),
        ("DRY NOODLES/PASTA", "PASTA SAUCE", 517, 10.2716),
    ],
)
def test_categories_go_together_as_its_readme_says(one: str, other: str, together: int, lift: float) -> None:
    baskets = [{item.attributes.get("category") for item in event.items} for event in events_of("complete_journey")]

    both = sum({one, other} <= basket for basket in baskets)
    alone = [sum(name in basket for basket in baskets) for name in (one, other)]

    assert both == together
    assert both * len(baskets) / (alone[0] * alone[1]) == pytest.approx(lift, abs=0.00005)


def test_a_folder_is_read_like_its_transactions() -> None:
    first = list(find_source("complete_journey").read(file_of("complete_journey").parent))[:50]

    assert events_in(first) == list(events_of("complete_journey")[:50])
