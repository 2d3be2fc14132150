"""The birthday, and other days that come back every year."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.events import ChannelEvent, Context, Scalar
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.triggers.birthday import Config
from tests.unit.domain.triggers.story import Story, a_rule, at_ms, event

# The stories begin on Tuesday, 24 November 2026: day 1 is the 25th, day 366 the 25th of the next year.


def birthday(**fields: Any) -> Rule:
    return a_rule("birthday", **fields)


def born(date: Scalar, zone: str | None = None, trait: str = "birthday") -> ChannelEvent:
    return event("identified", properties={trait: date}, context=Context(time_zone=zone))


def test_it_is_told_every_year_at_nine() -> None:
    story = Story(birthday()).at("10:00", born("1990-11-25")).at("800d 00:00")

    assert story.fired == [("1d 09:00", "birthday"), ("366d 09:00", "birthday"), ("732d 09:00", "birthday")]
    assert story.triggers[0].context == {"trait": "birthday", "date": "2026-11-25", "years": 36, "days_ahead": 0}
    assert len({trigger.trigger_id for trigger in story.triggers}) == 3


def test_it_is_told_so_many_days_ahead_also_across_the_turn_of_the_year() -> None:
    story = Story(birthday(days_ahead=7, at="18:30")).at("10:00", born("--01-03")).at("60d 00:00")

    assert story.fired == [("33d 18:30", "birthday")]  # 27 December
    assert (story.triggers[0].context["date"], story.triggers[0].context["years"]) == ("2027-01-03", None)


def test_nine_is_nine_where_the_customer_is() -> None:
    berlin = Story(birthday()).at("10:00", born("11-25", "Europe/Berlin")).at("2d 00:00")
    tokyo = Story(birthday(time_zone="Asia/Tokyo")).at("10:00", born("11-26")).at("2d 10:00")

    assert berlin.fired == [("1d 08:00", "birthday")]
    assert tokyo.fired == [("2d 00:00", "birthday")]


def test_of_a_customer_and_a_rule_without_a_zone_nine_is_nine_by_the_zone_of_the_rules_file() -> None:
    in_berlin = Policy(time_zone="Europe/Berlin")
    nowhere = Story(birthday(), policy=in_berlin).at("10:00", born("11-25")).at("2d 00:00")
    own = Story(birthday(time_zone="Asia/Tokyo"), policy=in_berlin).at("10:00", born("11-26")).at("2d 10:00")

    assert nowhere.fired == [("1d 08:00", "birthday")]
    assert own.fired == [("2d 00:00", "birthday")]


def test_late_on_new_years_eve_in_honolulu_it_is_the_next_year_in_utc() -> None:
    story = Story(birthday(at="23:00")).at("38d 08:00", born("12-31", "Pacific/Honolulu")).at("39d 00:00")

    assert story.fired == [("38d 09:00", "birthday")]
    assert story.triggers[0].context["date"] == "2026-12-31"


def test_who_has_moved_to_another_zone_is_told_at_nine_there() -> None:
    story = Story(birthday()).at("10:00", born("11-25", "Europe/Berlin"))
    story.at("12:00", event("page_viewed", context=Context(time_zone="America/New_York"))).at("2d 00:00")

    assert story.fired == [("1d 14:00", "birthday")]


@pytest.mark.parametrize(
    "date", ["1990-11-25", "--11-25", "11-25", " 11-25 ", "1990-11-25T00:00:00Z", "1990-11-25T00:00:00.000+01:00"]
)
def test_a_date_may_be_written_in_several_ways(date: str) -> None:
    assert Story(birthday()).at("10:00", born(date)).at("2d 00:00").fired == [("1d 09:00", "birthday")]


@pytest.mark.parametrize(
    "date",
    ["", "25.11.1990", "1990-02-29", "1990-13-01", "0000-11-25", "0001-11-25", "1900-11-25", "9999-11-25", "11-31",
     "soon", None, 19901125, True],
)  # fmt: skip
def test_what_is_no_date_or_means_that_nobody_knows_is_never_told(date: Scalar) -> None:
    story = Story(birthday()).at("10:00", born(date)).at("11:00", event("page_viewed")).at("800d 00:00")

    assert story.fired == []


def test_one_of_29_february_is_kept_on_the_28th_in_other_years() -> None:
    story = Story(birthday()).at("10:00", born("1992-02-29")).at("500d 00:00", event("page_viewed")).at("900d 00:00")

    assert [trigger.context["date"] for trigger in story.triggers] == ["2027-02-28", "2028-02-29", "2029-02-28"]


def test_a_corrected_date_replaces_the_one_before() -> None:
    story = Story(birthday()).at("10:00", born("11-26")).at("1d 10:00", born("11-28")).at("9d 00:00")

    assert story.fired == [("4d 09:00", "birthday")]


def test_a_date_that_is_corrected_after_it_was_kept_is_kept_again_only_next_year() -> None:
    story = Story(birthday()).at("10:00", born("11-25")).at("2d 10:00", born("11-28")).at("400d 00:00")

    assert story.fired == [("1d 09:00", "birthday"), ("369d 09:00", "birthday")]


def test_a_date_that_was_taken_back_is_not_told() -> None:
    story = Story(birthday()).at("10:00", born("11-26")).at("1d 10:00", born(None)).at("9d 00:00")

    assert story.fired == []
    assert story.decisions == [("1d 10:00", "dropped", "not_so")]


def test_who_was_known_before_the_rule_is_reached_with_the_next_event() -> None:
    story = Story().at("10:00", born("11-26"))
    story.actor = Story(birthday()).actor
    story.at("11:00", event("page_viewed")).at("9d 00:00")

    assert story.fired == [("2d 09:00", "birthday")]


def test_a_changed_rule_holds_from_the_next_event_on() -> None:
    story = Story(birthday()).at("10:00", born("11-28"))
    story.actor = Story(birthday(days_ahead=2)).actor
    story.at("11:00", event("page_viewed")).at("9d 00:00")

    assert story.fired == [("2d 09:00", "birthday")]


def test_on_the_day_itself_after_nine_it_is_too_late() -> None:
    assert Story(birthday()).at("09:01", born("11-24")).at("9d 00:00").fired == []
    assert Story(birthday()).at("08:59", born("11-24")).at("9d 00:00").fired == [("09:00", "birthday")]


def test_the_day_somebody_became_a_member_is_no_anniversary_yet() -> None:
    story = Story(birthday(trait="membership_since")).at("08:00", born("2026-11-24", trait="membership_since"))
    story.at("400d 00:00")

    assert story.fired == [("365d 09:00", "birthday")]
    assert story.triggers[0].reason == "The membership since is on 2027-11-24"
    assert story.triggers[0].context["years"] == 1


def test_a_date_told_by_an_old_event_is_kept_once_the_customer_is_seen() -> None:
    story = Story(birthday()).at("-30d 10:00", born("11-26"), arriving="10:00")
    story.at("11:00", event("page_viewed")).at("9d 00:00")

    assert story.fired == [("2d 09:00", "birthday")]


def test_b18_an_event_that_comes_before_an_overdue_timer_does_not_move_it_to_the_next_year() -> None:
    story = Story(birthday()).at("10:00", born("11-25"))
    seen = replace(event("page_viewed", event_id="e-2"), occurred_at_ms=at_ms("1d 11:00"))
    story.tell(seen, at_ms("1d 11:00"))

    assert story.at("1d 12:00").fired == [("1d 09:00", "birthday")]


def test_b19_told_twice_it_is_kept_once() -> None:
    story = Story(birthday()).at("10:00", born("11-25")).at("11:00", born("11-25")).at("9d 00:00")

    assert story.fired == [("1d 09:00", "birthday")]


def test_two_who_become_one_are_told_once() -> None:
    other = Story(birthday(), customer_id="customer-2").at("10:00", born("11-25"))
    story = Story(birthday()).at("10:00", born("11-25")).joined_by(other, "12:00").at("9d 00:00")
    assert story.fired == [("1d 09:00", "birthday")]

    kept = Story(birthday(), customer_id="customer-2").at("10:00", born("11-25")).at("2d 00:00")
    story = Story(birthday()).at("10:00", born("11-28")).joined_by(kept, "2d 10:00")
    assert story.at("2d 11:00", event("page_viewed")).at("9d 00:00").fired == []


def test_of_two_who_become_one_the_date_told_last_holds() -> None:
    other = Story(birthday(), customer_id="customer-2").at("10:00", born("12-20"))
    story = Story(birthday()).at("11:00", born("11-28")).joined_by(other, "12:00")
    story.at("13:00", event("page_viewed")).at("60d 00:00")

    assert story.fired == [("4d 09:00", "birthday")]


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time_zone Europe/Bielefeld"):
        Config(time_zone="Europe/Bielefeld")


def test_a_date_taken_back_while_the_message_is_held_is_not_told_in_the_morning() -> None:
    story = Story(a_rule("birthday", at="07:00", quiet_hours="22:00-08:00"))
    story.at("10:00", event("identified", properties={"birthday": "1990-11-25"})).at("1d 07:10")
    story.at("1d 07:30", event("identified", properties={"birthday": None})).at("1d 08:00")

    assert story.fired == []
    assert story.decisions[-1] == ("1d 08:00", "dropped", "not_so")
