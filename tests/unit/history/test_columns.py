from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.events import Item
from pipeline.history.columns import TABLES, precedence, total_minor
from pipeline.history.rows import Kind, Row
from tests.harness.blocks import stored
from tests.history_rows import CHANGE, ONE_OF_EACH, ORIGIN, TEN_O_CLOCK, event_row


def filled(row: Row) -> dict[str, Any]:
    (only,) = stored([row])
    return only


def test_every_field_of_an_event_is_a_column_of_its_own() -> None:
    row = filled(ONE_OF_EACH[0])

    assert row["event_id"] == "e-full"
    assert row["written_customer_id"] == "customer-1"
    assert (row["occurred_at_ms"], row["received_at_ms"], row["sent_at_ms"]) == (
        TEN_O_CLOCK,
        TEN_O_CLOCK + 40,
        TEN_O_CLOCK + 20,
    )
    assert (list(row["identifiers.kind"]), list(row["identifiers.value"])) == (["account", "cookie"], ["u-1", "c-9"])
    assert list(row["items.sku"]) == ["shoe-38", "socks"]
    assert list(row["items.quantity"]) == [2, 1]
    assert list(row["items.unit_price_minor"]) == [4999, 501]
    assert list(row["items.attributes"]) == ['{"size":"38"}', ""]
    assert row["items_total_minor"] == 2 * 4999 + 501
    assert (row["country"], row["city"], row["latitude"], row["weather"]) == ("DE", "Köln", 50.94, "rain")
    assert (row["campaign_source"], row["campaign_term"]) == ("google", "boots")
    assert (row["consent.purpose"], row["consent.granted"]) == (["email", "sms"], [1, 0])
    assert row["properties"] == '{"coupon":"BACK10","first":true,"rank":3}'
    assert (row["source"], row["position"]) == ("channel.web/3", 0)


def test_the_channel_group_of_an_event_follows_from_its_campaign() -> None:
    assert filled(ONE_OF_EACH[0])["channel_group"] == "Paid Search"
    assert filled(event_row())["channel_group"] == ""


def test_b1_an_event_keeps_the_part_it_came_for_beside_the_customer_it_found() -> None:
    assert _whose(filled(event_row(customer_id="winner", part="loser"))) == ("winner", "loser")
    assert _whose(filled(event_row(customer_id="alone"))) == ("alone", "alone")


def _whose(row: dict[str, Any]) -> tuple[str, str]:
    return row["written_customer_id"], row["part_id"]


def test_b8_a_merge_names_both_sides_and_how_often_each_part_has_changed_hands() -> None:
    merged = replace(
        CHANGE, change="merged", other_customer_id="loser", merge_id="m-1", parts={"once": 1, "loser": 1, "before": 2}
    )

    row = filled(Row(Kind.IDENTITY_CHANGE, merged, "identity.changes/0", 7, ORIGIN))

    assert (row["customer_id"], row["other_customer_id"], row["merge_id"]) == ("customer-1", "loser", "m-1")
    assert dict(zip(row["parts.part_id"], row["parts.moves"], strict=True)) == {"before": 2, "loser": 1, "once": 1}
    assert filled(ONE_OF_EACH[3])["parts.part_id"] == []


def test_triggers_and_decisions_name_the_customer_they_were_written_for() -> None:
    assert [filled(row)["written_customer_id"] for row in ONE_OF_EACH[1:3]] == ["customer-1", "customer-1"]


def test_what_is_absent_is_empty_text_or_no_number() -> None:
    row = filled(event_row(items=(), order_id=None))

    assert (row["session_id"], row["order_id"], row["device"], row["properties"]) == ("", "", "", "")
    assert (row["sent_at_ms"], row["amount_minor"], row["latitude"]) == (None, None, None)
    assert (list(row["items.sku"]), row["items_total_minor"], row["consent.purpose"]) == ([], 0, [])


def test_every_kind_fills_as_many_columns_as_its_table_names() -> None:
    for row in ONE_OF_EACH:
        table = TABLES[row.kind]
        assert len(table.columns) == len(dict(table.columns)) == len(table.fill([row])), row.kind
        assert stored([row] * 3) == [filled(row)] * 3, row.kind


def test_an_offer_and_a_missing_one_fill_the_same_columns() -> None:
    row = filled(ONE_OF_EACH[1])

    assert (row["offer_code"], row["offer_percent"], row["expires_at_ms"]) == ("BACK-1", 10, None)
    assert (row["content_variant"], row["address"]) == ("", "a@example.com")


def test_the_original_of_a_dead_letter_is_kept_byte_by_byte() -> None:
    row = filled(ONE_OF_EACH[4])

    assert (row["value_hex"], row["key_hex"], row["tenant"]) == ("00ff270a", "", "")


def test_a_line_without_a_price_counts_nothing_and_no_sum_leaves_64_bits() -> None:
    assert total_minor((Item("a", 3), Item("b", 2, 250))) == 500
    assert total_minor((Item("a", 2**40, 2**40),)) == 2**63 - 1


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        ({"amount_minor": 9_999, "currency": "EUR"}, (9_999, "EUR")),  # as told, with shipping and less a voucher
        ({}, (10_499, "EUR")),  # else the sum of its lines
        ({"items": ()}, (0, "XXX")),
        ({"items": (Item("a", 2**40, 2**40),)}, (2**63 - 1, "XXX")),
        ({"event_type": "order_refunded"}, (10_499, "EUR")),
        ({"event_type": "order_refunded", "items": ()}, (None, "")),  # the whole order, whatever it was
        ({"event_type": "order_cancelled"}, (None, "")),
        ({"event_type": "cart_updated", "amount_minor": 9_999}, (None, "")),
    ],
)
def test_an_order_is_worth_what_its_customer_is_said_to_have_spent(
    fields: dict[str, Any], worth: tuple[int | None, str]
) -> None:
    row = filled(event_row(**fields))

    assert (row["order_amount_minor"], row["order_currency"]) == worth


def test_b20_the_event_received_first_takes_precedence_and_the_same_one_in_any_order_of_writing() -> None:
    assert precedence(TEN_O_CLOCK, 5, 0) > precedence(TEN_O_CLOCK + 1, 0, 3)
    assert precedence(TEN_O_CLOCK, 5, 0) > precedence(TEN_O_CLOCK, 6, 3)
    assert precedence(TEN_O_CLOCK, 2**32 - 1, 0) > -(2**63)


def test_b2_of_copies_of_an_event_the_one_sent_on_most_often_takes_precedence() -> None:
    ranks = [precedence(TEN_O_CLOCK, 5, hops) for hops in range(16)]

    assert ranks == sorted(set(ranks))
    assert precedence(TEN_O_CLOCK, 5, 99) == ranks[-1]


def test_the_kinds_and_the_tables_are_the_same() -> None:
    assert set(TABLES) == set(Kind)
