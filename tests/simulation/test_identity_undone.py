"""B8 on the in-memory bus: a merge that is taken back gives each side its own, and is not made again."""

from __future__ import annotations

from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.merging import PARTS_KEPT
from pipeline.domain.rules.in_force import Rules
from tests.simulation.town import Town, customer, shopped_apart_and_merged


def test_b8_a_merge_taken_back_gives_each_side_what_is_its_own() -> None:
    town = shopped_apart_and_merged()
    merged = town.of(loyalty="l1")
    assert (merged["spend_minor"], merged["orders"], merged["events"]) == ({"EUR": 1_500}, 2, 5)
    later = {"order_id": "o-3", "amount_minor": 70, "currency": "EUR", "cart_id": "c3"}
    town.at(10, "order_completed", email="m1@example.com", **later)
    assert town.of(loyalty="l1")["spend_minor"] == {"EUR": 1_570}

    town.at(11, "merge_undone", phone="+491701")

    card, mail = town.of(loyalty="l1"), town.of(email="m1@example.com")
    assert (card["spend_minor"], card["orders"], card["events"]) == ({"EUR": 500}, 1, 3)
    assert (mail["spend_minor"], mail["orders"], mail["events"]) == ({"EUR": 1_070}, 2, 3)
    assert [cart["cart_id"] for cart in card["carts"] if cart["open"]] == ["c2"]
    assert [cart["cart_id"] for cart in mail["carts"] if cart["open"]] == ["c1"]
    assert mail["identifiers"] == {"email": ["m1@example.com"], "phone": ["+491701"]}
    assert card["merged_from"] == mail["merged_from"] == []
    (undone,) = town.changes("unmerged")
    assert (undone.customer_id, undone.other_customer_id) == (card["customer_id"], mail["customer_id"])


def test_b8_after_it_was_taken_back_events_split_rightly_and_the_same_evidence_does_not_merge_again() -> None:
    town = shopped_apart_and_merged().at(11, "merge_undone", phone="+491701")

    town.at(12, email="m1@example.com").at(13, phone="+491701").at(14, loyalty="l1")
    town.at(15, loyalty="l1", phone="+491701")

    assert town.of(email="m1@example.com")["events"] == 4
    assert town.of(loyalty="l1")["events"] == 5
    assert [change.reason for change in town.changes("refused")] == ["kept_apart"]
    assert len(town.changes("merged")) == 1


def test_b8_nothing_fires_twice_because_of_a_merge_taken_back() -> None:
    town = shopped_apart_and_merged().at(70, cookie="other")
    assert len(town.triggers) == 2  # both carts, at minutes 61 and 63

    town.at(80, "merge_undone", phone="+491701").until(500)

    assert len(town.triggers) == 2


def test_a_merge_that_never_was_cannot_be_taken_back_and_says_so() -> None:
    town = Town().at(0, account="u1").at(1, "merge_undone", account="u1", properties={"merge_id": "none"})

    assert [change.reason for change in town.changes("refused")] == ["unknown_merge"]
    assert town.of(account="u1")["events"] == 1


def test_of_an_identifier_that_nobody_knows_no_merge_is_taken_back_and_it_says_so() -> None:
    town = Town().at(0, "merge_undone", account="nobody").at(1, account="nobody")

    assert [change.reason for change in town.changes("refused")] == ["unknown_identifier"]
    assert town.of(account="nobody")["events"] == 1


def test_a_merge_of_which_the_evidence_is_gone_is_too_old_to_be_taken_back_however_it_is_named() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None)
    town = Town(unlimited, rules=Rules("", ())).at(0, account="u1")
    for number in range(PARTS_KEPT + 1):
        town.at(number + 1, cookie=f"a{number}").at(number + 1.5, cookie=f"a{number}", account="u1")
    first, last = town.changes("merged")[0], town.changes("merged")[-1]
    assert (first.value, last.value) == ("a0", f"a{PARTS_KEPT}")

    town.at(60, "merge_undone", account="u1", properties={"merge_id": first.merge_id}).at(
        61, "merge_undone", cookie="a0"
    )
    town.at(62, "merge_undone", cookie=last.value)

    assert [change.reason for change in town.changes("refused")] == ["too_old", "too_old"]
    assert [change.other_customer_id for change in town.changes("unmerged")] == [customer("cookie", last.value)]


def test_merges_that_led_to_one_another_are_taken_back_one_by_one() -> None:
    town = Town()
    town.at(0, cookie="a1").at(1, device="d1").at(2, email="m1@example.com")
    town.at(3, device="d1", cookie="a1").at(4, email="m1@example.com", device="d1")
    assert len(town.customers) == 1

    town.at(5, "merge_undone", device="d1")
    assert town.of(device="d1")["identifiers"] == {"cookie": ["a1"], "device": ["d1"]}
    assert town.of(email="m1@example.com")["identifiers"] == {"email": ["m1@example.com"]}

    town.at(6, "merge_undone", cookie="a1")
    assert town.of(cookie="a1")["identifiers"] == {"cookie": ["a1"]}
    assert (town.of(cookie="a1")["events"], town.of(device="d1")["events"]) == (1, 2)


def test_an_order_told_on_both_sides_before_they_were_one_counts_once_and_stays_with_the_side_told_first() -> None:
    order = {"order_id": "o-1", "amount_minor": 1_000, "currency": "EUR", "cart_id": "c0"}
    town = Town().at(0, "order_completed", email="m1@example.com", **order)
    town.at(1, "order_completed", loyalty="l1", **order)
    assert sorted(each["orders"] for each in town.customers) == [1, 1]

    town.at(2, loyalty="l1", email="m1@example.com")
    (one,) = town.customers
    assert (one["orders"], one["spend_minor"]) == (1, {"EUR": 1_000})

    town.at(3, "merge_undone", email="m1@example.com")
    card, mail = town.of(loyalty="l1"), town.of(email="m1@example.com")
    assert (mail["orders"], mail["spend_minor"]) == (1, {"EUR": 1_000})
    assert (card["orders"], card["spend_minor"]) == (0, {})


def test_a_customer_parted_from_one_is_kept_from_whoever_that_one_became_however_long_ago() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None, customers_per_value=None)
    town = (
        Town(unlimited, rules=Rules("", ()))
        .at(0, email="m1@example.com")
        .at(1, email="m1@example.com", phone="+491701")
    )
    town.at(2, phone="+491701", loyalty="l1").at(3, "merge_undone", email="m1@example.com")
    town.at(4, loyalty="l1", account="u1")
    for number in range(40):  # so many that the card's part is taken for good
        town.at(5 + number, cookie=f"a{number}").at(5.5 + number, cookie=f"a{number}", account="u1")

    town.at(60, account="u1", email="m1@example.com")

    assert town.of(email="m1@example.com")["customer_id"] == customer("email", "m1@example.com")
    assert [change.reason for change in town.changes("refused")] == ["kept_apart"]
