"""Reports on customers, on both engines, against what was worked out by hand."""

from __future__ import annotations

import pytest

from pipeline.domain.time import DAY_MS, HOUR_MS, MINUTE_MS
from pipeline.history.engine import Engine
from pipeline.history.writer import HistoryWriter
from tests.history_rows import TEN_O_CLOCK
from tests.integration.reports.answers import asked, column, only
from tests.integration.reports.stories import by_way_of, event, order, refund

pytestmark = pytest.mark.clickhouse


def test_the_main_currency_is_that_of_most_orders_however_often_they_were_stored(engine: Engine) -> None:
    dollars = order("currencies", "anna", 0, 500, currency="USD")
    euros = [order("currencies", "anna", number, 700, currency="EUR") for number in (1, 2)]
    engine.execute("SYSTEM STOP MERGES events_log")
    try:
        for _ in range(4):
            HistoryWriter(engine).write([dollars])
        HistoryWriter(engine).write(euros)

        assert {row["currency"] for row in asked(engine, "channel_study", "currencies")} == {"EUR"}
    finally:
        engine.execute("SYSTEM START MERGES events_log")


def test_what_was_done_before_the_customer_was_known_counts_for_the_customer(engine: Engine) -> None:
    assert only(asked(engine, "rfm", "merged")) == {
        "account": "u-7", "purchase_days": 2, "first_at": "2026-11-24 10:00:00", "last_at": "2026-11-25 10:01:00",
        "spend_minor": 5_000, "currency": "EUR", "orders": 2, "customer_id": "known",
        "recency_score": 1, "frequency_score": 1, "monetary_score": 1,
    }  # fmt: skip
    found = column(asked(engine, "touchpoints", "merged", model="first"), "touchpoint", "purchases")
    assert found == {"Store": 2, "Email": 0, "Direct": 0}
    assert only(asked(engine, "channel_study", "merged"))["channels"] == "2"


def test_rfm_scores_are_fifths_of_the_buyers_in_one_currency_and_equals_score_the_same(engine: Engine) -> None:
    rows = [order("fifths", f"c-{n}", DAY_MS * (n + 1), 900 - 100 * (n // 2 * 2), currency="EUR") for n in range(5)]
    rows += [order("fifths", "c-3", 0, 1, currency="EUR"), order("fifths", "c-4", 1, 1, currency="USD")]
    HistoryWriter(engine).write(rows)

    found = asked(engine, "rfm", "fifths")

    scores = {
        (row["customer_id"], row["currency"]): (row["recency_score"], row["frequency_score"], row["monetary_score"])
        for row in found
    }
    assert scores == {
        ("c-0", "EUR"): (1, 1, 4),
        ("c-1", "EUR"): (2, 1, 4),
        ("c-2", "EUR"): (3, 1, 2),
        ("c-3", "EUR"): (4, 5, 3),
        ("c-4", "EUR"): (5, 1, 1),
        ("c-4", "USD"): (1, 1, 1),
    }


def test_an_order_refunded_in_full_is_no_purchase_with_an_amount_or_without_and_a_free_one_is(engine: Engine) -> None:
    rows = [order("refunded", name, 0, 1_000, order_id=name) for name in ("told", "untold", "half")]
    for name, amount_minor in (("told", 1_000), ("untold", None), ("half", 500)):
        rows.append(refund("refunded", name, HOUR_MS, name, amount_minor=amount_minor))
    HistoryWriter(engine).write([*rows, order("refunded", "free", 0, 0)])

    found = asked(engine, "rfm", "refunded")

    told = {row["customer_id"]: (row["purchase_days"], row["orders"], row["spend_minor"]) for row in found}
    assert told == {"half": (1, 1, 500), "free": (1, 1, 0)}
    assert only(asked(engine, "cohorts", "refunded"))["customers"] == 2


def test_a_refund_is_set_off_in_the_currency_of_its_order_alone_or_where_one_is_not_known(engine: Engine) -> None:
    moneys = {"same": ("EUR", "EUR"), "other": ("EUR", "JPY"), "refund-untold": ("EUR", None), "untold": (None, "EUR")}
    rows = []
    for name, (ordered, refunded) in moneys.items():
        rows.append(order("moneys", name, 0, 10_000, order_id=name, currency=ordered))
        rows.append(refund("moneys", name, HOUR_MS, name, amount_minor=9_000, currency=refunded))
    HistoryWriter(engine).write(rows)

    assert column(asked(engine, "rfm", "moneys"), "customer_id", "spend_minor") == {
        "same": 1_000, "other": 10_000, "refund-untold": 1_000, "untold": 1_000,
    }  # fmt: skip
    assert only(asked(engine, "cohorts", "moneys"))["spend_minor"] == 12_000
    assert only(asked(engine, "channel_study", "moneys"))["spend_minor"] == 12_000
    assert only(asked(engine, "touchpoints", "moneys"))["revenue_minor"] == 12_000


def test_the_channel_study_tells_what_customers_of_one_channel_and_of_two_spend(engine: Engine) -> None:
    one, two = asked(engine, "channel_study", "shop")

    assert (one["channels"], one["customers"], one["share"], one["visits"]) == ("1", 2, 0.6667, 3)
    assert (one["buyers"], one["spend_minor"], one["spend_minor_per_customer"]) == (1, 1_000, 500)
    assert (two["channels"], two["customers"], two["visits"], two["orders"]) == ("2", 1, 2, 2)
    assert (two["spend_minor"], two["currency"]) == (5_000 + 7_000 - 2_000, "EUR")


def test_a_channel_is_used_by_an_order_in_it_too_within_the_session_of_another(engine: Engine) -> None:
    """Anna looks on the web and buys at a till in one session, Ben sends it back, Cem buys where he looked."""
    rows = []
    for name, channel in (("anna", "pos"), ("ben", "pos"), ("cem", "web")):
        rows.append(
            event("within", name, 0, "page_viewed", **{**by_way_of("autumn", "cpc", "google"), "session_id": name})
        )
        rows.append(order("within", name, HOUR_MS, channel=channel, session_id=name, order_id=name))
    HistoryWriter(engine).write([*rows, event("within", "ben", DAY_MS, "order_cancelled", order_id="ben")])
    order_alone = {"from": str(TEN_O_CLOCK + HOUR_MS)}

    for by in ("channel", "channel_group"):
        one, two = asked(engine, "channel_study", "within", by=by)
        assert (one["channels"], one["customers"], one["visits"], one["orders"]) == ("1", 1, 1, 1), by
        assert (two["channels"], two["customers"], two["visits"], two["buyers"]) == ("2", 2, 2, 1), by
    (later,) = asked(engine, "channel_study", "within", **order_alone)
    assert (later["channels"], later["customers"], later["share"], later["visits"]) == ("1", 3, 1, 0)


def test_a_cohort_is_followed_from_its_first_month(engine: Engine) -> None:
    first, later = asked(engine, "cohorts", "shop")

    assert (first["cohort"], first["age"], first["customers"], first["spend_minor"]) == ("2026-11-01", 0, 2, 6_000)
    assert (later["cohort"], later["age"], later["customers"], later["share"]) == ("2026-11-01", 2, 1, 0.5)
    assert [row["age"] for row in asked(engine, "cohorts", "shop", per="week")] == [0, 5]


def test_the_span_bounds_what_is_counted(engine: Engine) -> None:
    december = {"from": "2026-12-01", "to": "2027-02-01"}

    rows = asked(engine, "rfm", "shop", **december)

    assert [(row["customer_id"], row["spend_minor"]) for row in rows] == [("anna", 5_000)]
    assert [row["name"] for row in asked(engine, "sessions", "shop", **december)] == ["pos"]


def test_journeys_are_told_from_stage_to_stage(engine: Engine) -> None:
    rows = asked(engine, "journey_stages", "journey")

    assert {(row["stage"], row["next"]): row["changes"] for row in rows} == {
        ("", "awareness"): 2,
        ("awareness", "consideration"): 1,
        ("awareness", ""): 1,
        ("consideration", "purchase"): 1,
        ("purchase", "use"): 1,
        ("use", "support"): 1,
        ("support", "consideration"): 1,
        ("consideration", ""): 1,
    }
    (stayed,) = (row for row in rows if row["stage"] == "support")
    assert (stayed["median_hours"], stayed["share"]) == (1, 1)


Told = list[tuple[int, str, dict[str, str | int]]]  # minute, event type, properties
LOOKED: Told = [(1, "product_viewed", {})]
BOUGHT: Told = [(2, "order_completed", {})]


def changes(engine: Engine, tenant: str, told: Told, **given: str) -> dict[tuple[str, str], int]:
    """From which stage to which one customer went, by what was told of them in channels that take turns."""
    channels = ("chat", "call_center")
    HistoryWriter(engine).write(
        [
            event(tenant, "mia", minute * MINUTE_MS, event_type, channels[number % 2], properties=properties)
            for number, (minute, event_type, properties) in enumerate(told)
        ]
    )
    rows = asked(engine, "journey_stages", tenant, **given)
    return {(row["stage"], row["next"]): row["changes"] for row in rows}


def test_a_case_told_to_be_closed_twice_does_not_hide_the_one_opened_after(engine: Engine) -> None:
    told: Told = [*LOOKED, (10, "case_opened", {"case_id": 1}), (20, "case_closed", {"case_id": 1})]
    told += [(21, "case_closed", {"case_id": "1"}), (30, "case_opened", {"id": 2})]

    assert changes(engine, "closed-twice", told) == {
        ("", "consideration"): 1, ("consideration", "support"): 2, ("support", "consideration"): 1, ("support", ""): 1,
    }  # fmt: skip


def test_a_case_told_to_be_opened_in_two_channels_is_over_once_closed(engine: Engine) -> None:
    told: Told = [*BOUGHT, (10, "case_opened", {"case_id": "g1"}), (11, "case_opened", {"case_id": "g1"})]
    told += [(30, "case_closed", {"case_id": "g1"})]

    assert changes(engine, "opened-twice", told) == {
        ("", "purchase"): 1, ("purchase", "support"): 1, ("support", "purchase"): 1, ("purchase", ""): 1,
    }  # fmt: skip


def test_a_word_that_names_no_case_closes_all_that_were_opened_before(engine: Engine) -> None:
    told: Told = [*BOUGHT, (10, "case_opened", {"case_id": "1"}), (11, "case_opened", {"case_id": "2"})]
    told += [(30, "case_closed", {}), (40, "case_opened", {"case_id": "1"})]

    assert changes(engine, "closed-all", told) == {
        ("", "purchase"): 1, ("purchase", "support"): 2, ("support", "purchase"): 1, ("support", ""): 1,
    }  # fmt: skip


def test_of_two_cases_one_being_closed_leaves_the_other_open(engine: Engine) -> None:
    told: Told = [*BOUGHT, (10, "case_opened", {"case_id": "1"}), (11, "case_opened", {"case_id": "2"})]
    told += [(30, "case_closed", {"case_id": "1"}), (31, "product_viewed", {})]

    assert changes(engine, "one-of-two", told) == {("", "purchase"): 1, ("purchase", "support"): 1, ("support", ""): 1}


def test_who_has_a_case_open_when_the_span_begins_is_in_support_until_it_is_closed(engine: Engine) -> None:
    told: Told = [*BOUGHT, (10, "case_opened", {"case_id": "1"})]
    told += [(70, "product_viewed", {}), (80, "case_closed", {"case_id": "1"}), (90, "case_opened", {"case_id": "2"})]
    later, much_later = str(TEN_O_CLOCK + HOUR_MS), str(TEN_O_CLOCK + 2 * HOUR_MS)

    assert changes(engine, "open-before", told, **{"from": later}) == {
        ("", "support"): 1, ("support", "consideration"): 1, ("consideration", "support"): 1, ("support", ""): 1,
    }  # fmt: skip
    assert asked(engine, "journey_stages", "open-before", **{"from": much_later}) == [], "nothing happened since"


def test_who_is_known_by_a_case_alone_is_in_no_stage_once_it_is_closed(engine: Engine) -> None:
    told: Told = [(10, "case_opened", {}), (20, "case_closed", {}), (30, "page_viewed", {})]

    assert changes(engine, "case-alone", told) == {
        ("", "support"): 1, ("support", "none"): 1, ("none", "awareness"): 1, ("awareness", ""): 1,
    }  # fmt: skip


def test_the_time_in_the_last_stage_runs_until_the_end_of_the_span_or_the_newest_event_of_all(engine: Engine) -> None:
    rows = [event("waiting", "mia", 0, "order_completed"), event("waiting", "ben", 5 * HOUR_MS, "page_viewed")]
    HistoryWriter(engine).write(rows)

    def hours(**given: str) -> dict[str, float]:
        found = asked(engine, "journey_stages", "waiting", **given)
        return {row["stage"]: row["median_hours"] for row in found if row["next"] == ""}

    assert hours() == {"purchase": 5, "awareness": 0}
    assert hours(to=str(TEN_O_CLOCK + 2 * HOUR_MS)) == {"purchase": 2}


def test_opinions_of_every_scale_are_one_score_per_touchpoint(engine: Engine) -> None:
    rows = asked(engine, "feedback", "opinions")

    told = [(row["touchpoint"], row["answers"], row["score"], row["bad"]) for row in rows]
    assert told == [("checkout", 2, 0.225, 1), ("product_reviewed", 1, 0.5, 0), ("delivery", 2, 0.95, 0)]
    assert (rows[1]["low"], rows[1]["high"]) == (None, None), "one answer tells nothing of others"
