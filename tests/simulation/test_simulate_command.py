"""`omni simulate` on files: the rules of behaviour as a user would try them, and what the command leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Omni

RULES = """\
version: test
rules:
  - {name: cart_reminder, kind: abandoned_cart, delay: 60m}
"""
Event = dict[str, Any]
Lines = list[dict[str, Any]]


class Run:
    """The summary of one run and the files it wrote."""

    def __init__(self, summary: dict[str, Any], folder: Path) -> None:
        self.summary = summary
        self._folder = folder

    def lines(self, name: str) -> Lines:
        text = (self._folder / f"{name}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


Simulate = Callable[..., Run]


@pytest.fixture
def simulate(omni: Omni, tmp_path: Path) -> Simulate:
    """Run `omni simulate` over events (or lines of text) with the rules above."""

    def run(events: list[Event | str], *words: object) -> Run:
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        (tmp_path / "events.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
        done = omni("simulate", "events.jsonl", "--rules", "rules.yaml", "--out", "out", "--json", *words)
        assert done.code == 0, done.stderr
        return Run(json.loads(done.stdout), tmp_path / "out")

    return run


def clock(minute: float) -> str:
    """Return the time `minute` minutes after 10:00."""
    seconds = round(minute * 60)
    return f"2026-11-24T{10 + seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.000Z"


def cart(minute: float, *skus: str, cart_id: str = "c1", event_id: str | None = None, **more: Any) -> Event:
    return {
        "event_id": f"cart-{cart_id}-{minute}" if event_id is None else event_id,
        "event_type": "cart_updated",
        "channel": "web",
        "occurred_at": clock(minute),
        "identifiers": {"account": "u-1"},
        "cart_id": cart_id,
        "items": [{"sku": sku, "quantity": 1, "unit_price_minor": 1999, "currency": "EUR"} for sku in skus],
        **more,
    }


def order(minute: float, **more: Any) -> Event:
    return {
        "event_id": f"order-{minute}",
        "event_type": "order_completed",
        "channel": "pos",
        "occurred_at": clock(minute),
        "identifiers": {"account": "u-1"},
        "order_id": f"o-{minute}",
        **more,
    }


def fired(run: Run) -> list[tuple[str, list[str]]]:
    return [
        (trigger["fired_at"], [item["sku"] for item in trigger["items"]])
        for trigger in run.lines("triggers")
        if trigger["status"] == "fired"
    ]


def test_b10_the_cart_timer_restarts_on_each_change_and_fires_once_with_the_last_contents(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), cart(10, "A", "B"), cart(25, "B", "C")], "--until", clock(600))

    assert fired(run) == [(clock(85), ["B", "C"])]


def test_b11_an_order_from_any_channel_cancels_the_reminder_and_says_why(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), cart(25, "A"), order(84, cart_id="c1")], "--until", clock(600))

    assert fired(run) == []
    (decision,) = run.lines("decisions")
    assert (decision["outcome"], decision["reason"], decision["decided_at"]) == ("dropped", "bought", clock(84))


def test_b12_the_cart_that_was_not_bought_still_fires(simulate: Simulate) -> None:
    events: list[Event | str] = [cart(0, "A"), cart(5, "B", cart_id="c2"), order(20, cart_id="c1")]

    assert fired(simulate(events, "--until", clock(600))) == [(clock(65), ["B"])]


def test_b13_an_order_that_arrives_after_the_trigger_it_overtook_is_followed_by_a_revoke(simulate: Simulate) -> None:
    elsewhere = cart(90, "Z", identifiers={"account": "u-2"})

    run = simulate([cart(0, "A"), elsewhere, order(50, cart_id="c1")])

    sent, revoke = run.lines("triggers")
    assert (sent["status"], revoke["status"]) == ("fired", "revoked")
    assert sent["trigger_id"] == revoke["trigger_id"]


def test_b14_a_cart_change_older_than_the_purchase_reopens_nothing(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), order(30, cart_id="c1"), cart(20, "A", "B")], "--until", clock(600))

    assert fired(run) == []
    (customer,) = run.lines("customers")
    assert [known["open"] for known in customer["carts"]] == [False]


def test_b16_an_emptied_cart_drops_its_timer(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), cart(30, event_type="cart_emptied")], "--until", clock(600))

    assert fired(run) == []
    assert [decision["reason"] for decision in run.lines("decisions")] == ["cart_emptied"]


def test_b18_the_purchase_in_a_backlog_comes_before_the_reminder(simulate: Simulate) -> None:
    assert fired(simulate([cart(0, "A"), order(59.9, cart_id="c1"), cart(240, "Z", cart_id="c9")])) == []


def test_b19_the_same_event_again_at_once_and_a_day_later_counts_once(simulate: Simulate) -> None:
    bought = order(5, amount_minor=1999, currency="EUR")

    run = simulate([bought, bought, cart(200, "A"), bought])

    (customer,) = run.lines("customers")
    assert (customer["events"], customer["orders"], customer["spend_minor"]) == (2, 1, {"EUR": 1999})
    assert (run.summary["events"], run.summary["duplicates"]) == (2, 2)


def test_a_merge_is_counted_and_an_operators_event_is_no_duplicate(simulate: Simulate) -> None:
    seen = {"event_type": "page_viewed", "channel": "web"}
    visit = {**seen, "event_id": "e-1", "occurred_at": clock(0), "identifiers": {"cookie": "a1"}}
    login = {**seen, "event_id": "e-2", "occurred_at": clock(1), "identifiers": {"cookie": "a1", "account": "u-1"}}
    undone = {**visit, "event_id": "op-1", "event_type": "merge_undone", "occurred_at": clock(2)}

    run = simulate([visit, login, undone])

    assert (run.summary["events"], run.summary["merges"], run.summary["duplicates"]) == (2, 1, 0)
    assert run.summary["customers"] == 2
    changes = [change["change"] for change in run.lines("identity_changes")]
    assert (changes.count("merged"), changes.count("unmerged")) == (1, 1)


def test_an_operators_event_under_the_id_of_another_is_a_conflict_and_no_less_than_no_duplicate(
    simulate: Simulate,
) -> None:
    visit: Event = {"event_type": "page_viewed", "channel": "web", "event_id": "e-1", "occurred_at": clock(0)}
    visit["identifiers"] = {"cookie": "a1"}

    run = simulate([visit, {**visit, "event_type": "merge_undone", "occurred_at": clock(2)}])

    assert (run.summary["events"], run.summary["duplicates"], run.summary["event_conflicts"]) == (1, 0, 1)


def test_b20_the_same_event_id_with_another_payload_is_flagged_and_replaces_nothing(simulate: Simulate) -> None:
    run = simulate([cart(0, "A", event_id="e-1"), cart(0, "B", event_id="e-1")], "--until", clock(600))

    assert (run.summary["events"], run.summary["duplicates"], run.summary["event_conflicts"]) == (1, 0, 1)
    assert len(fired(run)) == 1


def test_b21_one_malformed_line_among_a_thousand_is_one_dead_letter_with_its_line_and_reason(
    simulate: Simulate,
) -> None:
    events: list[Event | str] = [cart(number / 10, "A", event_id=f"e-{number}") for number in range(999)]
    events.insert(500, '{"event_id": "e-x", "event_type"')

    run = simulate(events)

    assert (run.summary["events"], run.summary["dead_letters"]) == (999, 1)
    (letter,) = run.lines("dead_letters")
    assert (letter["file"], letter["line"], letter["reason"]) == ("events.jsonl", 501, "undecodable")
    assert letter["value_text"] == '{"event_id": "e-x", "event_type"'


def test_each_dead_letter_of_a_file_names_its_own_line_and_holds_its_bytes(simulate: Simulate) -> None:
    nameless = json.dumps(cart(2, "A", event_id=" "), indent=None, separators=(", ", " : "))

    run = simulate(["", cart(0, "A"), "", nameless, "nonsense", nameless])

    assert [(letter["line"], letter["reason"], letter["value_text"]) for letter in run.lines("dead_letters")] == [
        (4, "no_event_id", nameless),
        (5, "undecodable", "nonsense"),
        (6, "no_event_id", nameless),
    ]


def test_b22_an_unknown_field_is_tolerated_and_a_wrong_type_is_a_dead_letter(simulate: Simulate) -> None:
    run = simulate([cart(0, "A", mood="good"), cart(1, "A", identifiers=["u-1"]), cart(2, "A", event_id="")])

    assert run.summary["events"] == 1
    assert [(letter["line"], letter["reason"]) for letter in run.lines("dead_letters")] == [
        (2, "wrong_type"),
        (3, "no_event_id"),
    ]


def test_people_are_told_why_lines_were_refused_and_where_the_first_one_is(omni: Omni, tmp_path: Path) -> None:
    lines = [json.dumps(cart(0, "A")), "nonsense", json.dumps(cart(1, "A", event_id="")), "nonsense"]
    (tmp_path / "events.jsonl").write_text("\n".join(lines), encoding="utf-8")

    said = omni("simulate", "events.jsonl").stdout

    assert "dead letters: no_event_id 1, undecodable 2. The first is events.jsonl:2: not JSON" in said


def test_who_belongs_to_an_audience_and_who_has_left_it_is_written_and_counted(
    simulate: Simulate, tmp_path: Path
) -> None:
    (tmp_path / "groups.yaml").write_text(
        "audiences:\n  - {name: carts, condition: {cart_worth: EUR, at_least: 15}, for_at_least: 1h}\n"
        "  - {name: buyers, condition: {did: order_completed}}\nrules: []\n",
        encoding="utf-8",
    )
    price: dict[str, Any] = {"items": [{"sku": "A", "quantity": 1, "unit_price_minor": 1999, "currency": "EUR"}]}
    bought = order(90, identifiers={"account": "u-2"}, event_id="o")
    events = [
        cart(0, "A", event_id="a", identifiers={"account": "u-1"}, **price),
        cart(0, "A", event_id="b", identifiers={"account": "u-2"}, **price),
    ]

    run = simulate([*events, bought], "--rules", "groups.yaml", "--until", clock(120))

    assert run.summary["audiences"] == {"buyers": 1, "carts": 1}
    assert [(each["audience"], each["member"], each["since"]) for each in run.lines("audiences")] == [
        ("buyers", True, clock(90)),
        ("carts", False, clock(90)),
        ("carts", True, clock(60)),
    ]


def test_b3_a_value_that_identifies_nobody_links_nobody(simulate: Simulate) -> None:
    run = simulate([cart(0, "A", identifiers={"cookie": "null"}), cart(1, "A", identifiers={"cookie": "null"})])

    assert run.summary["customers"] == 2
    assert run.summary["counted"]["identifiers_blocked/blocked_builtin"] == 2


def test_without_until_the_clock_stops_at_the_last_event_and_later_timers_stay_pending(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), cart(30, "B", cart_id="c2")])

    assert run.summary["clock"] == clock(30)
    (customer,) = run.lines("customers")
    assert [timer["due_at"] for timer in customer["timers"]] == [clock(60), clock(90)]


def test_until_leaves_later_events_out_and_fires_what_is_due_by_then(simulate: Simulate) -> None:
    run = simulate([cart(0, "A"), order(70, cart_id="c1")], "--until", clock(60))

    assert fired(run) == [(clock(60), ["A"])]
    assert (run.summary["events"], run.summary["left_out"]) == (1, 1)


def test_several_files_are_merged_by_time(omni: Omni, tmp_path: Path) -> None:
    (tmp_path / "web.jsonl").write_text(json.dumps(cart(0, "A")) + "\n" + json.dumps(cart(300, "B")) + "\n")
    (tmp_path / "pos.jsonl").write_text(json.dumps(order(30)) + "\n")
    (tmp_path / "rules.yaml").write_text(RULES)

    done = omni("simulate", "web.jsonl", "pos.jsonl", "--rules", "rules.yaml", "--json")

    assert json.loads(done.stdout)["triggers"] == {"cart_reminder": 0}


def test_the_digests_do_not_depend_on_the_disturbances(simulate: Simulate) -> None:
    events: list[Event | str] = [
        cart(minute, "A", event_id=f"e-{minute}", identifiers={"account": f"u-{minute % 7}"}) for minute in range(80)
    ]
    straight = simulate(events, "--until", clock(200)).summary
    disturb = ("--partitions", 5, "--seed", 7, "--duplicate", 0.2, "--shuffle", 10, "--crash", 0.2)

    disturbed = simulate(events, "--until", clock(200), *disturb).summary

    assert straight["triggers"]["cart_reminder"] == 7
    for same in ("state_digest", "triggers_digest", "events", "customers", "triggers", "decisions"):
        assert disturbed[same] == straight[same]
    assert disturbed["crashes"] > 0


def test_the_history_of_a_simulation_holds_each_event_once(simulate: Simulate, tmp_path: Path) -> None:
    bought = order(5, amount_minor=1999, currency="EUR")

    run = simulate([cart(0, "A"), bought, bought, "{"], "--until", clock(600), "--history", tmp_path / "history")

    assert run.summary["history_rows"] == {
        "events": 2,
        "triggers": 0,
        "decisions": 1,
        "identity_changes": 1,
        "dead_letters": 1,
    }


def test_b33_a_history_that_is_there_already_is_added_to_and_said_to_be_so(omni: Omni, tmp_path: Path) -> None:
    def simulated(event: Event) -> tuple[dict[str, int], str]:
        (tmp_path / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
        done = omni("simulate", "events.jsonl", "--history", "h", "--json")
        assert done.code == 0, done.stderr
        return json.loads(done.stdout)["history_rows"], done.stderr

    first, said_first = simulated(cart(0, "A"))
    again, said_again = simulated(cart(0, "A"))
    more, _ = simulated(cart(5, "B", event_id="another"))

    assert said_first == ""
    assert said_again == (
        "h holds 1 events and 0 decisions already. Those of this run are added, the same ones once. For this run "
        "alone, name a new folder.\n"
    )
    assert again == first
    assert more["events"] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.jsonl",), "nowhere.jsonl: no such file"),
        (("events.jsonl", "--source", "rees64"), "Did you mean rees46?"),
        (("events.jsonl", "--rules", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("events.jsonl", "--until", "tomorrow"), "is not RFC 3339"),
        (("events.jsonl", "--partitions", "0"), "0 is not between 1 and 1000"),
        (("events.jsonl", "--crash", "1"), "1 is not between 0.0 and 0.9"),
        (("events.jsonl", "--duplicate", "much"), "'much' is not a number"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_the_remedy(
    omni: Omni, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "events.jsonl").write_text(json.dumps(cart(0, "A")) + "\n")

    done = omni("simulate", *words)

    assert (done.code, done.stdout) == (2, "")
    assert says in done.stderr


def test_with_demand_products_say_how_much_they_are_wanted_whatever_disturbs_the_stream(simulate: Simulate) -> None:
    viewed = [
        {**cart(minute, "A", event_id=f"v-{minute}"), "event_type": "product_viewed", "store_id": "berlin"}
        for minute in range(5)
    ]

    uncounted = simulate(viewed).lines("products")
    straight = simulate(viewed, "--demand")
    products = straight.lines("products")
    disturbed = simulate(viewed, "--demand", "--duplicate", 0.5, "--shuffle", 3, "--crash", 0.5, "--seed", 1)

    assert uncounted == []
    assert [(each["sku"], round(each["demand"]["views"]), list(each["stores"])) for each in products] == [
        ("A", 5, ["berlin"])
    ]
    assert disturbed.lines("products") == products
    assert disturbed.summary["state_digest"] == straight.summary["state_digest"]
