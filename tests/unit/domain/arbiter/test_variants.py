"""Content that fits: by device, language, place, weather and hour (S16, S17), and A/B splits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Policy, Variant
from pipeline.domain.arbiter.variants import split_of
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import Context
from pipeline.domain.facets.situation import Situation
from tests.unit.domain.triggers.story import Story, abandoned_cart, event, hours, product_added

DEFAULT = Variant("plain")


def variant(*variants: Variant, met: dict[str, str] | None = None, policy: Policy | None = None, **rule: Any) -> Any:
    story = Story(abandoned_cart(variants=variants, **rule), policy=policy).at("17:00", event("product_viewed"))
    story.knows(situation=Situation(replace(Context(), **(met or {}))))
    (trigger,) = story.at("17:30", product_added("A")).at("18:30").triggers
    return trigger.content_variant


@pytest.mark.parametrize(
    ("restricted", "fits", "not_"),
    [
        ({"devices": ("mobile",)}, {"device": "mobile"}, {"device": "desktop"}),
        ({"locales": ("de",)}, {"locale": "de-AT"}, {"locale": "den"}),
        ({"locales": ("de-AT",)}, {"locale": "de_at"}, {"locale": "de"}),
        ({"countries": ("DE", "AT")}, {"country": "at"}, {"country": "CH"}),
        ({"cities": ("Köln",)}, {"city": "köln"}, {"city": "Bonn"}),
        ({"weather": ("rain",)}, {"weather": "Rain"}, {}),
        ({"hours": hours("18:00-22:00")}, {}, {"time_zone": "Asia/Tokyo"}),
        ({"hours": hours("22:00-06:00")}, {"time_zone": "Asia/Tokyo"}, {"time_zone": "Europe/Berlin"}),
        ({"cities": ("Bonn",), "weather": ("rain",)}, {"city": "Bonn", "weather": "rain"}, {"city": "Bonn"}),
    ],
)
def test_s16_s17_a_variant_is_for_those_met_as_it_says_and_the_others_get_the_default(
    restricted: dict[str, Any], fits: dict[str, str], not_: dict[str, str]
) -> None:
    special = Variant("special", **restricted)

    assert variant(special, DEFAULT, met=fits) == "special"
    assert variant(special, DEFAULT, met=not_) == "plain"
    assert variant(special, met=not_) is None


def test_s16_the_first_that_fits_is_taken_and_the_default_last_wherever_it_stands() -> None:
    rain, bonn = Variant("rain", weather=("rain",)), Variant("bonn", cities=("Bonn",))
    met = {"weather": "rain", "city": "Bonn"}

    assert variant(DEFAULT, rain, bonn, met=met) == "rain"
    assert variant(DEFAULT, bonn, rain, met=met) == "bonn"
    assert variant(DEFAULT, bonn, rain) == "plain"
    assert variant() is None


def test_s16_the_hour_is_that_of_the_customers_clock_when_the_message_goes_out() -> None:
    evening, morning = Variant("evening", hours=hours("18:00-24:00")), Variant("morning", hours=hours("05:00-12:00"))
    rule = abandoned_cart(variants=(evening, morning), quiet_hours="22:00-08:00")
    story = Story(rule).at("22:00", product_added("A")).at("23:00").at("1d 08:00")

    assert [trigger.content_variant for trigger in story.triggers] == ["morning"]


def test_a_split_gives_each_customer_always_the_same_side_in_the_shares_asked_for() -> None:
    rule = abandoned_cart(split={"a": 70, "b": 30})
    customers = [Draft(CustomerState("default", f"customer-{number}")) for number in range(2_000)]

    sides = [split_of(rule, customer) for customer in customers]

    assert sides == [split_of(rule, customer) for customer in customers]
    assert Counter(sides)["a"] + Counter(sides)["b"] == 2_000
    assert 1_338 <= Counter(sides)["a"] <= 1_462  # 1,400 ± 3 standard deviations
    other = [split_of(abandoned_cart(name="other", split={"a": 70, "b": 30}), customer) for customer in customers]
    assert 1_080 <= sum(a == b for a, b in zip(sides, other, strict=True)) <= 1_240  # 58 % by chance


def test_the_side_is_named_in_the_variant_and_for_analysts_in_the_context() -> None:
    story = Story(abandoned_cart(split={"b": 100}, variants=(DEFAULT,))).at("10:00", product_added("A")).at("11:00")

    (trigger,) = story.triggers
    assert trigger.content_variant == "plain/b"
    assert trigger.context["split"] == "b"
    assert variant(split={"b": 100}) == "b"
    assert "split" not in Story(abandoned_cart()).at("10:00", product_added("A")).at("11:00").triggers[0].context
