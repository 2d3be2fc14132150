"""B30, B31 through the whole pipeline: who is told that a product is there again or costs less, when, and how often."""

from __future__ import annotations

import pytest

from tests.simulation.days import MIA, Days

BACK = "rules:\n  - {name: back, kind: back_in_stock, kept_for: 30m}\n"
CHEAPER = "rules:\n  - {name: cheaper, kind: price_drop, percent: 10, cooldown: 2d, channels: [email]}\n"


def a_hundred_wait() -> Days:
    days = Days(BACK).product("09:00", sku="A", mode="full", levels={"": 0})
    for number in range(100):
        days.at("10:00", "stock_alert_requested", account=f"u{number}", items=["A"])
    return days


def test_b30_of_a_hundred_who_wait_for_five_pieces_five_are_told_and_nobody_once_these_are_sold() -> None:
    days = a_hundred_wait().product("11:00", sku="A", mode="full", levels={"": 5}).until("11:10")
    assert [at for at, _, _ in days.messages()] == ["11:00"] * 5

    days.product("11:10", sku="A", mode="full", levels={"": 0}).until("+2d 12:00")

    assert len(days.messages()) == 5
    assert len({trigger.customer_id for trigger in days.triggers()}) == 5


def test_b30_pieces_that_are_not_bought_go_round_in_waves_until_each_has_been_told_once() -> None:
    days = a_hundred_wait().product("11:00", sku="A", mode="full", levels={"": 5}).until("+2d 12:00")

    assert [at for at, _, _ in days.messages()][::5][:4] == ["11:00", "11:30", "12:00", "12:30"]
    assert len(days.messages()) == len({trigger.customer_id for trigger in days.triggers()}) == 100


def test_b30_stock_that_flaps_between_none_and_one_repeats_nothing() -> None:
    days = Days(BACK).product("09:00", sku="A", mode="full", levels={"": 0})
    days.at("10:00", "stock_alert_requested", account="u1", items=["A"])
    for number in range(6):
        days.product(f"11:{number:02d}", sku="A", mode="full", levels={"": (number + 1) % 2})

    assert [at for at, _, _ in days.until("+2d 12:00").messages()] == ["11:00"]


def wished(price_minor: int = 10_000, currency: str = "EUR") -> Days:
    days = Days(CHEAPER).product("09:00", sku="A", price_minor=price_minor, currency=currency)
    item = {"sku": "A", "unit_price_minor": price_minor, "currency": currency}
    return days.at("10:00", "product_added_to_wishlist", email=MIA, items=[item])


@pytest.mark.parametrize(("price_minor", "told"), [(8_900, 1), (9_000, 1), (9_100, 0), (10_000, 0)])
def test_b31_under_a_rule_of_ten_percent_100_to_89_is_told_of_and_100_to_91_is_not(price_minor: int, told: int) -> None:
    days = wished().product("11:00", sku="A", price_minor=price_minor, currency="EUR").until("+1d 12:00")

    assert days.messages() == [("11:00", "cheaper", MIA)] * told


def test_b31_up_and_down_within_the_cooldown_is_told_of_once() -> None:
    days = wished()
    for number, price_minor in enumerate((8_900, 10_000, 8_900, 10_000, 8_500)):
        days.product(f"1{number + 1}:00", sku="A", price_minor=price_minor, currency="EUR")

    assert days.until("+1d 12:00").messages() == [("11:00", "cheaper", MIA)]


def test_b31_prices_of_two_currencies_are_never_compared() -> None:
    days = wished().product("11:00", sku="A", price_minor=5_000, currency="USD")
    days.product("12:00", sku="A", price_minor=4_900, currency="USD").until("+1d 12:00")

    assert days.messages() == []
