"""B8: once a merge is undone, what waits goes to the one it belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.days import MIA, NIA, Days


def rule(kind: str, more: str = "") -> str:
    return f"rules:\n  - {{name: it, kind: {kind}, channels: [email]{more}}}\n"


SAID_BY_MIA: list[tuple[str, str, dict[str, Any], str]] = [
    (rule("post_purchase", ", class: transactional, after: order_completed, delay: 1h"), "order_completed",
     {"order_id": "o-1", "items": ["A"]}, "09:00"),
    (rule("appointment_reminder", ", class: transactional, ahead: 24h"), "appointment_booked",
     {"properties": {"appointment_id": "a-1", "starts_at": "2026-11-27T10:00:00Z"}}, "+2d 11:00"),
    (rule("abandoned_browse", ", products: 1, delay: 1h"), "product_viewed", {"items": ["A"]}, "09:00"),
    (rule("abandoned_browse", ", products: 1, delay: 30m, quiet_hours: '08:20-10:00'"), "product_viewed",
     {"items": ["A"]}, "10:00"),
    (rule("abandoned_checkout", ", delay: 1h"), "checkout_started", {"cart_id": "c1"}, "09:00"),
    (rule("win_back", ", without_rhythm: 30d"), "order_completed", {"order_id": "o-1", "items": ["A"]}, "+30d 08:00"),
    (rule("sequence", ", start: [subscribed], goal: [order_completed], steps: [{wait: 1h, send: one}]"),
     "subscribed", {}, "09:00"),
    (rule("abandoned_cart", ", delay: 1h"), "product_added", {"cart_id": "c1", "items": ["A"]}, "09:00"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "event_type", "fields", "due"), SAID_BY_MIA)
def test_b8_what_waits_for_one_who_was_merged_by_mistake_goes_to_her_once_that_is_undone(
    rules: str, event_type: str, fields: dict[str, Any], due: str
) -> None:
    days = Days(rules).at("08:00", event_type, email=MIA, **fields).at("08:01", account="u1", email=NIA)
    days.at("08:10", account="u1", email=MIA)

    days.at("08:40", "merge_undone", email=MIA).until("+40d 12:00")

    assert days.messages() == [(due, "it", MIA)]


def test_b8_a_device_that_joined_by_the_word_of_one_side_goes_with_that_side() -> None:
    days = Days(rule("abandoned_cart", ", delay: 1h")).at("08:00", account="u1", email=NIA).at("08:01", email=MIA)
    days.at("08:02", cookie="c-mia").at("09:00", account="u1", email=MIA).at("09:10", email=MIA, cookie="c-mia")
    days.at("09:20", "merge_undone", email=MIA)

    days.at("10:00", "product_added", cookie="c-mia", cart_id="c1", items=["A"]).until("12:00")

    assert days.messages() == [("11:00", "it", MIA)]


def test_b8_what_goes_with_a_purchase_begun_by_one_who_was_merged_by_mistake_is_offered_to_her() -> None:
    days = Days(rule("cross_sell", ", min_baskets: 1, quiet_hours: '08:20-10:00'"))
    for number in range(12):  # B and Q: else P is what everybody buys anyway
        items = ["A", "P"] if number % 2 else ["B", "Q"]
        days.at("07:00", "order_completed", account=f"other-{number}", order_id=f"o-{number}", items=items)
    days.at("08:00", email=MIA).at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.at("08:30", "product_added", email=MIA, cart_id="c1", items=["A"])

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert (days.messages(), days.contents()) == ([("10:00", "it", MIA)], [["P"]])


def test_b8_what_waits_for_one_side_stays_with_it_when_the_other_is_parted() -> None:
    days = Days(rule("abandoned_browse", ", products: 1, delay: 1h")).at("08:00", email=MIA)
    days.at("08:01", account="u1", email=NIA).at("08:10", account="u1", email=MIA)
    days.at("08:20", "product_viewed", account="u1", items=["A"])

    days.at("08:40", "merge_undone", email=MIA).until("12:00")

    assert days.messages() == [("09:20", "it", NIA)]
