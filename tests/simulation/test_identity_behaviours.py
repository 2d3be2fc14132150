"""B1–B9 and B15 on the in-memory bus: who becomes one customer, who does not, and what the others are told of it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.domain.identity.actor import IdentityActor, founded_by
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.graph import Link
from pipeline.domain.identity.handover import TOLD_AT_ONCE
from pipeline.domain.identity.merging import PARTS_KEPT
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.records import IdentityChange
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import abandoned_cart
from pipeline.settings import load_settings
from pipeline.simulation import Conditions, Simulation
from pipeline.streaming.envelope import EnvelopeDecoder
from pipeline.streaming.units import Output

TEN = 1_795_514_400_000
"""2026-11-24T10:00:00Z."""
MINUTE = 60_000
ANNA = sha256(b"anna@example.com").hexdigest()

REMINDER = Rules("1", [Rule("reminder", "abandoned_cart", abandoned_cart.Config(delay_ms=60 * MINUTE))])


class Town:
    """Events told by the minute after ten, in the order written; the clock moves with them."""

    def __init__(self, config: IdentityConfig | None = None, partitions: int = 3, rules: Rules = REMINDER) -> None:
        self.simulation = Simulation(
            load_settings(environ={}), rules, config or IdentityConfig(), Conditions(partitions, seed=1)
        )
        self._told = 0

    def at(self, minute: float, event_type: str = "page_viewed", **fields: Any) -> Town:
        """Tell one event; what names no field of an event is an identifier."""
        self._told += 1
        known = {name: fields.pop(name) for name in list(fields) if name in ChannelEvent.__struct_fields__}
        known.setdefault("event_id", f"e-{self._told}")
        event = ChannelEvent(
            event_type=event_type, channel="web", occurred_at_ms=TEN + int(minute * MINUTE), identifiers=fields, **known
        )
        self.simulation.play([self.simulation.read(event)])
        return self

    def until(self, minute: float) -> Town:
        self.simulation.play([], until_ms=TEN + int(minute * MINUTE))
        return self

    @property
    def customers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.simulation.customer_lines()]

    def of(self, **identifier: str) -> dict[str, Any]:
        """The one customer that has an identifier."""
        ((kind, value),) = identifier.items()
        (found,) = [each for each in self.customers if value in each["identifiers"].get(kind, [])]
        return found

    def changes(self, *kinds: str) -> list[IdentityChange]:
        return [change for change in self.simulation.identity_changes() if change.change in kinds]

    @property
    def triggers(self) -> list[tuple[str, str]]:
        return [(trigger.status, trigger.customer_id) for trigger in self.simulation.triggers()]


def customer(kind: str, value: str) -> str:
    identifier: Identifier = (kind, value)
    return founded_by("default", identifier)


def links_of(town: Town, kind: str) -> dict[str, Link]:
    """What the only customer that is left knows of its identifiers of a kind."""
    (one,) = [state for _, state in town.simulation.bus.states("customer") if not state.is_pointer]
    links: dict[str, Link] = one.identifiers[kind]
    return links


def test_b1_an_anonymous_visitor_who_logs_in_is_one_customer_with_all_that_was_seen() -> None:
    town = Town().at(0, cookie="a1").at(1, cookie="a1").at(2, cookie="a1").at(3, cookie="a1", account="u1")

    (one,) = town.customers
    assert one["events"] == 4
    assert one["customer_id"] == customer("account", "u1")
    assert one["identifiers"] == {"account": ["u1"], "cookie": ["a1"]}
    assert one["merged_from"] == [customer("cookie", "a1")]
    (merged,) = town.changes("merged")
    assert (merged.customer_id, merged.other_customer_id) == (one["customer_id"], customer("cookie", "a1"))
    assert (merged.kind, merged.value, merged.caused_by) == ("cookie", "a1", "e-4")


def test_b2_two_accounts_on_one_device_stay_apart_and_the_device_goes_with_the_latest_login() -> None:
    town = Town().at(0, cookie="a1", account="u1").at(1, cookie="a1", account="u2").at(2, cookie="a1")

    assert town.of(account="u1")["identifiers"] == {"account": ["u1"]}
    assert town.of(account="u2")["identifiers"] == {"account": ["u2"], "cookie": ["a1"]}
    assert (town.of(account="u1")["events"], town.of(account="u2")["events"]) == (1, 2)
    (refused,) = town.changes("refused")
    assert (refused.reason, refused.customer_id) == ("kind_limit", customer("account", "u2"))
    assert refused.other_customer_id == customer("account", "u1")
    (moved,) = town.changes("moved")
    assert (moved.customer_id, moved.other_customer_id) == (customer("account", "u2"), customer("account", "u1"))


def test_b2_a_device_goes_back_and_forth_with_each_login() -> None:
    town = Town()
    for minute, account in enumerate(("u1", "u2", "u1", "u2", "u1")):
        town.at(minute, cookie="a1", account=account)

    assert town.of(cookie="a1")["customer_id"] == customer("account", "u1")
    assert len(town.changes("moved")) == 4


def test_b2_a_login_told_late_does_not_take_the_device_back() -> None:
    town = Town().at(0, cookie="a1", account="u1").at(5, cookie="a1", account="u1").at(2, cookie="a1", account="u2")

    assert town.of(cookie="a1")["customer_id"] == customer("account", "u1")
    assert [change.reason for change in town.changes("refused")] == ["kind_limit", "earlier_login"]


@pytest.mark.parametrize("value", ["null", "NULL", '"null"', " guest ", "0", "000-000", "[object Object]", "x" * 1_025])
def test_b3_values_that_identify_nobody_never_link_and_the_event_is_kept(value: str) -> None:
    town = Town().at(0, cookie=value, account="u1").at(1, cookie=value, account="u2")

    assert len(town.customers) == 2
    assert sum(each["events"] for each in town.customers) == 2
    assert town.simulation.counted()["identifiers_blocked"] == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_b4_the_same_links_told_five_times_in_any_order_are_one_customer_counted_once(order: tuple[int, ...]) -> None:
    links = [{"cookie": "a1", "email": "m@example.com"}, {"cookie": "a1", "account": "u1"}, {"cookie": "a1"}]
    town = Town()
    for number in order * 5:
        town.at(number, event_id=f"link-{number}", **links[number])

    (one,) = town.customers
    assert (one["events"], one["customer_id"]) == (3, customer("account", "u1"))


@pytest.mark.parametrize("partitions", range(1, 9))
def test_b5_links_that_arrive_at_once_on_different_partitions_give_one_customer(partitions: int) -> None:
    town = Town(partitions=partitions)
    chain = [("email", "x1@example.com"), ("phone", "+491701"), ("device", "x1"), ("cookie", "x1")]
    for kind, value in chain:
        town.at(0, **{kind: value})
    events = [dict(chain[place : place + 2]) for place in (2, 0, 1)]
    read = [
        town.simulation.read(ChannelEvent(f"link-{number}", "page_viewed", "web", TEN + MINUTE, identifiers))
        for number, identifiers in enumerate(events)
    ]
    town.simulation.play(read)

    (one,) = town.customers
    assert one["customer_id"] == customer("email", "x1@example.com")
    assert one["events"] == 7
    assert len(one["merged_from"]) == 3


def test_b6_at_the_merge_cap_nothing_is_merged_and_the_event_still_counts() -> None:
    town = Town(IdentityConfig(merge_cap=1))
    for number in range(3):
        town.at(number, cookie=f"a{number}").at(number + 0.5, cookie=f"a{number}", account="u1")

    assert town.of(account="u1")["merged_from"] == [customer("cookie", "a0")]
    assert town.of(account="u1")["events"] == 4
    assert [change.reason for change in town.changes("refused")] == ["merge_cap", "merge_cap"]


@pytest.mark.parametrize("typed", ["0170 1234567", "+49 (0)170 / 123-4567", "0049 170 1234567"])
def test_b9_a_phone_number_typed_differently_is_one_customer(typed: str) -> None:
    town = Town(IdentityConfig(default_country="DE")).at(0, account="u1", phone="+49 170 1234567").at(1, phone=typed)

    assert (len(town.customers), town.of(phone="+491701234567")["events"]) == (1, 2)


def test_b9_the_same_digits_in_two_countries_are_two_people_and_in_none_nobody() -> None:
    town = Town()
    for minute, country in enumerate(["DE", "GB", None, "UK"]):
        town.at(minute, phone="020 7946 0018", context=Context(country=country))

    assert [each["identifiers"].get("phone") for each in town.customers].count(None) == 2
    assert town.of(phone="+442079460018")["events"] == town.of(phone="+492079460018")["events"] == 1


def test_b9_an_e_mail_address_in_capitals_is_the_same_customer() -> None:
    town = Town().at(0, account="u1", email="Anna@Example.com").at(1, email=" ANNA@EXAMPLE.COM ")

    assert (len(town.customers), town.of(email="anna@example.com")["events"]) == (1, 2)


@pytest.mark.parametrize("hash_first", [True, False])
@pytest.mark.parametrize(("kind", "value"), [("email", "anna@example.com"), ("phone", "+491701234567")])
def test_a_hash_and_what_it_is_of_are_one_customer_whichever_comes_first(
    kind: str, value: str, hash_first: bool
) -> None:
    known: list[dict[str, str]] = [{f"{kind}_sha256": sha256(value.encode()).hexdigest()}, {kind: value}]
    first, second = known if hash_first else reversed(known)

    town = Town().at(0, **first, cookie="a1").at(1, **second, account="u1").at(2, **first)

    (found,) = town.customers
    assert (found["events"], found["identifiers"][kind]) == (3, [value])


def test_a_hash_and_its_plain_form_count_once_towards_the_limits() -> None:
    town = Town(IdentityConfig(limits={"email": 1}))
    for minute, known in enumerate(({"email_sha256": ANNA}, {"email": "anna@example.com"}, {"email_sha256": ANNA})):
        town.at(minute, account="u1", **known)

    assert town.of(account="u1")["identifiers"]["email"] == ["anna@example.com"]
    assert town.changes("refused") == []


def test_a_merge_of_one_who_knows_the_hash_with_one_who_knows_the_address_keeps_the_address() -> None:
    town = Town().at(0, account="u1", email_sha256=ANNA).at(1, loyalty="l1", email="anna@example.com")

    assert town.of(account="u1")["identifiers"] == {"account": ["u1"], "email": ["anna@example.com"], "loyalty": ["l1"]}
    town.at(2, "merge_undone", email_sha256=ANNA).at(3, "merge_undone", loyalty="l1")
    assert town.of(loyalty="l1")["identifiers"] == {"loyalty": ["l1"]}
    assert town.of(email="anna@example.com")["customer_id"] == customer("account", "u1")


def test_a_merge_is_taken_back_by_the_hash_of_what_it_brought_in() -> None:
    town = Town().at(0, account="u1").at(1, loyalty="l1", phone="+491701").at(2, account="u1", loyalty="l1")
    assert town.of(account="u1")["identifiers"]["phone"] == ["+491701"]

    town.at(3, "merge_undone", phone_sha256=sha256(b"+491701").hexdigest())

    assert town.of(phone="+491701")["identifiers"] == {"loyalty": ["l1"], "phone": ["+491701"]}


def test_what_was_refused_as_a_hash_is_not_asked_for_again_in_its_plain_form() -> None:
    town = Town().at(0, account="u1", email="anna@example.com").at(1, account="u2", email_sha256=ANNA)

    town.at(2, account="u2", email="anna@example.com")

    assert [change.reason for change in town.changes("refused")] == ["kind_limit"]
    assert town.of(email="anna@example.com")["customer_id"] == customer("account", "u1")


def test_a_blocked_address_is_blocked_in_its_hash_too() -> None:
    town = Town().at(0, email="anna@example.com", account="u1").at(1, "identifier_blocked", email_sha256=ANNA)

    town.at(2, email="anna@example.com", cookie="a1").at(3, email_sha256=ANNA, account="u2")

    assert town.of(account="u1")["events"] == town.of(account="u2")["events"] == town.of(cookie="a1")["events"] == 1


def test_a_message_is_never_addressed_to_a_hash() -> None:
    by_mail = Rule("reminder", "abandoned_cart", abandoned_cart.Config(delay_ms=MINUTE), channels=("email",))
    hashed, plain = (Town(rules=Rules("1", [by_mail])) for _ in range(2))
    hashed.at(0, "product_added", email_sha256=ANNA, items=(Item("A"),)).until(5)
    plain.at(0, "product_added", email_sha256=ANNA, items=(Item("A"),)).at(0.5, email="anna@example.com").until(5)

    assert hashed.triggers == []
    assert [trigger.address for trigger in plain.simulation.triggers()] == ["anna@example.com"]


def test_b9_a_phone_of_a_store_seen_with_two_hundred_accounts_stops_linking() -> None:
    town = Town()
    for number in range(200):
        town.at(number / 10, account=f"u{number}", phone="+494000000")

    assert len(town.customers) == 200
    assert all(len(each["identifiers"]["account"]) == 1 for each in town.customers)
    reasons = [change.reason for change in town.changes("refused")]
    assert reasons == ["kind_limit"] * 9 + ["customers_per_value"] * 190


def test_b15_a_cart_of_a_visitor_bought_elsewhere_is_not_reminded_of_once_the_two_are_known_to_be_one() -> None:
    cart = {"cart_id": "c1", "items": (Item("A"),)}
    town = Town().at(0, "product_added", cookie="a1", **cart)
    town.at(10, "order_completed", account="u1", order_id="o-1", items=(Item("A"),))
    town.at(20, cookie="a1", account="u1").until(200)

    assert town.triggers == []
    assert [d.reason for d in town.simulation.decisions()] == ["bought"]


def test_a_cart_pending_at_a_merge_is_reminded_of_once_and_as_the_customer_it_belongs_to_now() -> None:
    town = Town().at(0, "product_added", cookie="a1", cart_id="c1", items=(Item("A"),))
    town.at(20, cookie="a1", account="u1").until(200)

    assert town.triggers == [("fired", customer("account", "u1"))]


def shopped_apart_and_merged() -> Town:
    """A household: u1 by e-mail and cookie, somebody else by loyalty card; a shared phone joins them at minute 9."""
    town = Town()
    bought = {"currency": "EUR", "cart_id": "c0"}
    town.at(0, "order_completed", email="m1@example.com", order_id="o-1", amount_minor=1_000, **bought)
    town.at(1, "product_added", email="m1@example.com", phone="+491701", cart_id="c1", items=(Item("A"),))
    town.at(2, "order_completed", loyalty="l1", order_id="o-2", amount_minor=500, **bought)
    town.at(3, "product_added", loyalty="l1", cart_id="c2", items=(Item("B"),))
    return town.at(9, loyalty="l1", phone="+491701")


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


def test_two_customers_that_an_operator_confirms_are_one_become_one_and_were_not_seen_because_of_it() -> None:
    town = Town().at(0, email="anna@example.com").at(1, email="anna@example.org")

    town.at(2, "merge_confirmed", email="anna@example.com", operator="op-1")
    town.at(3, "merge_confirmed", email="anna@example.org", operator="op-1")

    (one,) = town.customers
    assert one["identifiers"] == {"email": ["anna@example.com", "anna@example.org"], "operator": ["op-1"]}
    assert (one["events"], one["last_seen_at"]) == (2, "2026-11-24T10:01:00.000Z")
    (merged,) = town.changes("merged")
    assert (merged.kind, merged.value, merged.caused_by) == ("operator", "op-1", "e-4")
    assert town.simulation.distinct_events() == 2

    assert {link.last_at_ms for link in links_of(town, "email").values()} == {TEN, TEN + MINUTE}

    town.at(4, "merge_undone", email="anna@example.org", properties={"merge_id": merged.merge_id})
    assert town.of(email="anna@example.com")["customer_id"] != town.of(email="anna@example.org")["customer_id"]


def test_identifiers_of_two_kinds_are_confirmed_by_one_event_and_a_repeat_changes_nothing() -> None:
    town = Town().at(0, email="anna@example.com").at(1, loyalty="l1")

    for minute in (2, 3):
        town.at(minute, "merge_confirmed", event_id="op-1", email="anna@example.com", loyalty="l1")

    (one,) = town.customers
    assert (one["events"], one["identifiers"]) == (2, {"email": ["anna@example.com"], "loyalty": ["l1"]})


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([("page_viewed", {"account": "u1"}), ("page_viewed", {"account": "u2"})], "kind_limit"),
        (
            [
                ("page_viewed", {"account": "u1"}),
                ("page_viewed", {"email": "m1@example.com"}),
                ("page_viewed", {"account": "u1", "email": "m1@example.com"}),
                ("merge_undone", {"email": "m1@example.com"}),
            ],
            "kept_apart",
        ),
    ],
)
def test_what_an_operator_confirms_is_held_to_the_limits_and_to_what_is_kept_apart(
    before: list[tuple[str, dict[str, str]]], reason: str
) -> None:
    town = Town()
    for minute, (event_type, identifiers) in enumerate(before):
        town.at(minute, event_type, **identifiers)
    other = {"kind_limit": {"account": "u2"}, "kept_apart": {"email": "m1@example.com"}}[reason]

    town.at(8, "merge_confirmed", account="u1", operator="op-1").at(9, "merge_confirmed", operator="op-1", **other)

    assert [change.reason for change in town.changes("refused")] == [reason]
    assert len(town.customers) == 2


def test_a_merge_that_never_was_cannot_be_taken_back_and_says_so() -> None:
    town = Town().at(0, account="u1").at(1, "merge_undone", account="u1", properties={"merge_id": "none"})

    assert [change.reason for change in town.changes("refused")] == ["unknown_merge"]
    assert town.of(account="u1")["events"] == 1


@pytest.mark.parametrize("event_type", ["merge_undone", "merge_confirmed", "identifier_blocked"])
@pytest.mark.parametrize("known", [{}, {"cookie": "null"}, {"email": "nonsense"}])
def test_an_operator_who_names_nobody_is_refused(event_type: str, known: dict[str, str]) -> None:
    with pytest.raises(InvalidEvent, match="none that could link, so there is nothing to "):
        Town().at(0, event_type, **known)


def test_to_confirm_that_two_are_one_takes_two_identifiers() -> None:
    with pytest.raises(InvalidEvent, match="merge_confirmed takes two that link, this has one, account"):
        Town().at(0, "merge_confirmed", account="u1", cookie="null")


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


def test_a_blocked_value_leads_its_later_events_to_the_next_identifier_and_none_to_its_owner() -> None:
    town = Town().at(0, phone="+491701", account="u1").at(1, "identifier_blocked", phone="+491701")

    town.at(2, phone="+491701", cookie="a1").at(3, phone="+491701", account="u2")

    assert town.of(account="u1")["events"] == 1
    assert town.of(cookie="a1")["identifiers"] == {"cookie": ["a1"]}
    assert town.of(account="u2")["identifiers"] == {"account": ["u2"]}
    (blocked,) = town.changes("blocked")
    assert (blocked.customer_id, blocked.kind, blocked.value) == (customer("account", "u1"), "phone", "+491701")
    assert {change.reason for change in town.changes("refused")} == {"blocked"}


def test_each_event_with_nothing_but_a_blocked_value_stands_alone() -> None:
    town = Town().at(0, "identifier_blocked", phone="+491701").at(1, phone="+491701").at(2, phone="+491701")

    assert [each["events"] for each in town.customers] == [1, 1]
    assert all("phone" not in each["identifiers"] for each in town.customers)


def test_what_operators_say_is_neither_an_event_of_a_customer_nor_a_repeat() -> None:
    town = (
        shopped_apart_and_merged().at(11, "merge_undone", phone="+491701").at(12, "identifier_blocked", phone="+491701")
    )

    assert town.simulation.distinct_events() == 5
    assert town.simulation.duplicates() == 0
    assert town.simulation.counted()["operator_events"] == 2
    assert town.simulation.merges() == 1


def test_a_customer_with_ten_thousand_identifiers_merges_in_steps_of_bounded_size() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None, customers_per_value=None, mapping_cap=20_000)
    town = Town(unlimited, partitions=1, rules=Rules("", ()))
    town.at(0, email="m1@example.com")
    events = [
        ChannelEvent(f"many-{n}", "page_viewed", "web", TEN + n, {"email": "m1@example.com", "cookie": f"a{n}"})
        for n in range(10_000)
    ]
    town.simulation.play([town.simulation.read(event) for event in events])
    most = 0
    delivered = town.simulation.bus._delivered

    def watched(output: Output) -> None:
        nonlocal most
        if output.topic.endswith("identity.inbox"):
            most = max(most, len(EnvelopeDecoder(IdentityActor.message_type).decode(output.value).entries))
        delivered(output)

    town.simulation.bus._delivered = watched
    town.at(20, account="u1", email="m1@example.com")

    (one,) = town.customers
    assert one["customer_id"] == customer("account", "u1")
    assert (len(one["identifiers"]["cookie"]), one["events"]) == (10_000, 10_002)
    owners = {state.customer_id for _, state in town.simulation.bus.states("identity")}
    assert owners == {one["customer_id"]}
    assert TOLD_AT_ONCE <= most <= TOLD_AT_ONCE + 1


def test_a_customer_taken_out_again_has_all_its_identifiers_back_however_many() -> None:
    unlimited = IdentityConfig(limits={}, default_limit=None, customers_per_value=None)
    town = Town(unlimited, rules=Rules("", ()))
    for number in range(2 * TOLD_AT_ONCE + 50):
        town.at(number / 100, email="m1@example.com", cookie=f"a{number}")
    town.at(20, account="u1", email="m1@example.com")
    assert len(town.customers) == 1

    town.at(21, "merge_undone", email="m1@example.com")

    mail = customer("email", "m1@example.com")
    owners = [(key, state.customer_id) for key, state in town.simulation.bus.states("identity")]
    assert [key for key, owner in owners if owner != mail] == ["default\x1faccount:u1"]
    assert len(owners) == 2 * TOLD_AT_ONCE + 52


def test_ten_thousand_identifiers_on_one_event_are_refused_with_their_number() -> None:
    event = ChannelEvent("e-1", "page_viewed", "web", TEN, {f"kind-{number}": "x" for number in range(10_000)})

    with pytest.raises(InvalidEvent, match="identifiers: 10000 kinds, at most 50 are taken"):
        Town().simulation.read(event)


def test_kinds_never_seen_link_like_any_other_and_malformed_ones_do_not() -> None:
    town = Town().at(0, badge="b1", cookie="a1").at(1, badge="b1").at(2, **{"bad kind!": "b1", "cookie": "a2"})

    assert town.of(badge="b1")["events"] == 2
    assert town.of(cookie="a2")["events"] == 1
    assert town.simulation.counted()["identifiers_blocked"] == 1


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


def test_an_order_told_on_both_sides_of_a_merge_is_one_sale_of_its_products_where_it_was_told_first() -> None:
    order = {"order_id": "o-1", "amount_minor": 1_000, "currency": "EUR", "items": (Item("A"),)}
    town = Town().at(0, "order_completed", email="m1@example.com", store_id="berlin", **order)
    town.at(1, "order_completed", loyalty="l1", store_id="paris", **order)

    town.at(2, loyalty="l1", email="m1@example.com")

    (product,) = map(json.loads, town.simulation.product_lines())
    assert (product["baskets"], product["demand"]["sales"]) == (1, 1.0)
    sales = {store: (counts["sales"], counts["recent"]) for store, counts in product["stores"].items()}
    assert sales == {"berlin": (1.0, 1.0), "paris": (0.0, 0.0)}


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
