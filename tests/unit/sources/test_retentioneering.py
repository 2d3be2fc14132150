from __future__ import annotations

from collections import Counter
from pathlib import Path

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.sources import AnyLine, Rejected
from tests.harness.data_sets import events_of
from tests.unit.sources.reading import events_in, read_rows
from tests.unit.sources.test_sources import RETENTIONEERING_HEADER


def read(tmp_path: Path, *kinds: str) -> list[AnyLine]:
    rows = [f"u-1,s-1,{kind},2024-03-13 10:21:14,mobile,email,2024-01,loyal" for kind in kinds]
    return read_rows("retentioneering", RETENTIONEERING_HEADER, tmp_path, *rows)


def test_a_session_has_a_cart_and_an_order_of_its_own(tmp_path: Path) -> None:
    added, bought = events_in(read(tmp_path, "add_to_cart", "purchase"))

    assert added == ChannelEvent(
        event_id=added.event_id,
        event_type="product_added",
        channel="web",
        occurred_at_ms=1_710_325_274_000,
        identifiers={"account": "u-1"},
        session_id="s-1",
        cart_id="s-1",
        items=(Item("unknown"),),
        context=Context(device="mobile", campaign=Campaign(medium="email")),
        properties={"cohort": "2024-01", "lifecycle": "loyal"},
    )
    assert (bought.event_type, bought.cart_id, bought.order_id) == ("order_completed", "s-1", "s-1")
    assert (bought.items, bought.amount_minor) == ((), None)


def test_a_page_and_a_step_of_the_checkout_keep_their_word(tmp_path: Path) -> None:
    events = events_in(read(tmp_path, "review_page", "shipping_details", "payment_details"))

    assert [(event.event_type, event.properties.get("page"), event.properties.get("step")) for event in events] == [
        ("page_viewed", "review_page", None),
        ("checkout_step_viewed", None, "shipping_details"),
        ("checkout_step_viewed", None, "payment_details"),
    ]


def test_faults_are_types_of_their_own_and_any_other_word_is_rejected(tmp_path: Path) -> None:
    bug, error, unknown = read(tmp_path, "checkout_bug", "payment_error", "gift_wrap")

    assert [event.event_type for event in events_in((bug, error))] == ["checkout_bug", "payment_error"]
    assert isinstance(unknown, Rejected)
    assert "line 4: bad_value: event: 'gift_wrap' is none of" in str(unknown)


def test_two_equal_clicks_in_a_second_are_two_events(tmp_path: Path) -> None:
    one, other = events_in(read(tmp_path, "search", "search"))

    assert one.event_id != other.event_id


def test_the_sample_has_the_counts_of_its_readme_in_time_order() -> None:
    events = events_of("retentioneering")

    assert len({event.event_id for event in events}) == len(events) == 31_106
    assert len({event.identifiers["account"] for event in events}) == 600
    assert len({event.session_id for event in events}) == 3_605
    assert len({event.cart_id for event in events if event.event_type == "product_added"}) == 1_213
    assert Counter(event.event_type for event in events)["order_completed"] == 470
    times = [event.occurred_at_ms for event in events]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (1_704_368_738_000, 1_719_698_560_000)
