"""`omni backtest` over a history that `omni simulate` wrote, and over files, as a marketer would try it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.sources.shop import shop
from pipeline.wire.json_event import encode
from tests.conftest import Finished, Omni

TEN = 1_795_514_400_000  # 2026-11-24T10:00:00Z
CART_AFTER = "version: {0}\nrules:\n  - {{name: cart_reminder, kind: abandoned_cart, delay: {0}}}\n"
TWO_RULES = """\
version: two
rules:
  - {name: cart_reminder, kind: abandoned_cart, delay: 30m, cooldown: 24h}
  - {name: goes_well_with, kind: cross_sell, min_baskets: 2, cooldown: 6h}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rules, and a day of a small shop with visitors who log in, carts, and orders in two channels."""
    (tmp_path / "two.yaml").write_text(TWO_RULES)
    for delay in ("30m", "60m"):
        (tmp_path / f"{delay}.yaml").write_text(CART_AFTER.format(delay))
    with (tmp_path / "shop.jsonl").open("wb") as file:
        file.writelines(encode(event) + b"\n" for event in shop(7, 40, TEN, 24))
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def document(done: Finished) -> dict[str, Any]:
    assert done.code == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def cart(minute: int, cart_id: str, account: str = "u-1", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{cart_id}-{minute}",
        "event_type": "cart_updated",
        "channel": "web",
        "occurred_at": TEN + minute * 60_000,
        "identifiers": {"account": account},
        "cart_id": cart_id,
        "items": [{"sku": "A", "quantity": 1, "unit_price_minor": 1999, "currency": "EUR"}],
        **more,
    }


def order(minute: int, cart_id: str, account: str = "u-1") -> dict[str, Any]:
    return cart(minute, cart_id, account) | {"event_type": "order_completed", "event_id": f"o-{minute}"}


def write(folder: Path, *events: dict[str, Any]) -> None:
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def examples(said: dict[str, Any], side: str) -> list[tuple[str, str]]:
    return [(example["fired_at"][11:16], example["reason"]) for example in said["examples"][side]]


@pytest.mark.clickhouse
def test_over_the_history_of_a_simulation_the_same_rules_send_the_same_messages(folder: Path, omni: Omni) -> None:
    simulated = omni("simulate", "shop.jsonl", "--rules", "two.yaml", "--history", "h", "--out", "out", "--json")
    summary = document(simulated)
    words = ("backtest", "--rules", "two.yaml", "--history", "h", "--examples", 100_000, "--json", "--against")

    alone = document(omni(*words, "none"))
    same = document(omni(*words, "two.yaml"))

    sent = {t["trigger_id"]: t["fired_at"] for t in lines(folder / "out/triggers.jsonl") if t["status"] == "fired"}
    assert len(sent) > 20
    assert {each["trigger_id"]: each["fired_at"] for each in alone["examples"]["only_new"]} == sent
    assert (alone["events"], alone["clock"]) == (summary["events"], summary["clock"])
    counted = {outcome: sum(rule["new"][outcome] for rule in alone["rules"]) for outcome in ("fired", "dropped")}
    assert counted == summary["decisions"]
    assert (alone["old"], alone["compared"]) == (None, None)
    assert same["compared"] == {"in_both": len(sent), "moved": 0, "only_new": 0, "only_old": 0}
    assert same["examples"] == {"only_new": [], "only_old": []}
    assert same["old"] == same["new"] == alone["new"], "the digest too"


@pytest.mark.clickhouse
def test_over_the_history_and_over_the_file_it_came_from_the_answer_is_the_same(folder: Path, omni: Omni) -> None:
    document(omni("simulate", "shop.jsonl", "--history", "h", "--json"))
    words = ("--rules", "30m.yaml", "--against", "60m.yaml", "--json", "--from", TEN + 6 * 3_600_000)

    by_file = document(omni("backtest", "shop.jsonl", *words))
    by_history = document(omni("backtest", "--history", "h", *words))

    assert by_file["new"]["digest"] != by_file["old"]["digest"]
    for said in (by_file, by_history):
        del said["seconds"], said["events"], said["events_before"]  # a file may tell an event twice
    assert by_file == by_history


@pytest.mark.clickhouse
def test_a_value_that_an_operator_blocked_links_nothing_from_then_on_in_a_backtest_either(
    folder: Path, omni: Omni
) -> None:
    def seen(minute: int, account: str, cart_id: str) -> dict[str, Any]:
        return cart(minute, cart_id, account, identifiers={"account": account, "phone": "+491701234567"})

    block = {**cart(1, "none"), "event_type": "identifier_blocked", "identifiers": {"phone": "+491701234567"}}
    visitor = cart(20, "c3", identifiers={"phone": "+491701234567"})
    write(folder, seen(0, "u-1", "c1"), block, visitor, seen(200, "u-2", "c2"))
    summary = document(
        omni("simulate", "events.jsonl", "--rules", "30m.yaml", "--history", "h", "--out", "out", "--json")
    )

    said = document(omni("backtest", "--rules", "30m.yaml", "--against", "none", "--history", "h", "--json"))

    assert summary["triggers"] == {"cart_reminder": 2}
    assert {each["trigger_id"] for each in said["examples"]["only_new"]} == {
        trigger["trigger_id"] for trigger in lines(folder / "out/triggers.jsonl")
    }
    assert said["new"]["customers"] == 2


def test_an_earlier_reminder_is_sent_to_whoever_bought_in_between_and_the_others_get_theirs_at_another_time(
    folder: Path, omni: Omni
) -> None:
    write(folder, cart(0, "c1"), cart(0, "c2", "u-2"), order(45, "c1"), cart(300, "c3", "u-3"))

    said = document(omni("backtest", "events.jsonl", "--rules", "30m.yaml", "--against", "60m.yaml", "--json"))

    assert said["compared"] == {"in_both": 1, "moved": 1, "only_new": 1, "only_old": 0}
    assert examples(said, "only_new") == [("10:30", "Cart c1 with 1 item, 19.99 EUR, untouched for 30 min")]
    (rule,) = said["rules"]
    assert (rule["new"]["fired"], rule["old"]["fired"]) == (2, 1)
    assert (rule["new"]["reasons"], rule["old"]["reasons"]) == ({}, {"dropped": {"bought": 1}})
    assert said["rules_versions"] == {"new": "30m", "old": "60m"}
    assert (said["new"]["customers"], said["new"]["messages_per_customer"]) == (2, {"median": 1, "max": 1})


def test_what_happened_before_the_span_counts_for_nothing_but_is_remembered(folder: Path, omni: Omni) -> None:
    write(folder, cart(0, "c1"), cart(50, "c2"), cart(100, "c3"), cart(190, "c4"))
    words = ("backtest", "events.jsonl", "--rules", "60m.yaml", "--against", "none", "--json")

    said = document(omni(*words, "--from", TEN + 61 * 60_000, "--to", TEN + 160 * 60_000))
    cold = document(omni(*words, "--from", TEN + 61 * 60_000, "--to", TEN + 160 * 60_000, "--warm-up", "5m"))
    longer = document(omni(*words, "--from", TEN + 61 * 60_000, "--to", TEN + 160 * 60_000 + 1))

    assert [at for at, _ in examples(said, "only_new")] == ["11:50"], "c1 fired before, c3 is due at the very end"
    assert (said["events"], said["events_before"]) == (1, 2)
    assert (cold["events"], cold["events_before"], cold["new"]["messages"]) == (1, 0, 0)
    assert [at for at, _ in examples(longer, "only_new")] == ["11:50", "12:40"]


def test_what_waits_for_the_morning_is_over_a_cap_or_in_a_holdout_is_counted_as_that(folder: Path, omni: Omni) -> None:
    (folder / "limits.yaml").write_text("""
version: limits
caps: [{at_most: 1, per: 24h}]
rules:
  - {name: at_noon, kind: abandoned_cart, delay: 30m, priority: 60, quiet_hours: "10:00-12:00"}
  - {name: once, kind: abandoned_cart, delay: 30m, priority: 50}
  - {name: nobody, kind: abandoned_cart, delay: 30m, priority: 70, holdout: {percent: 100}}
""")
    write(folder, cart(0, "c1"), cart(180, "c2", "u-2"))

    said = document(omni("backtest", "events.jsonl", "--rules", "limits.yaml", "--against", "none", "--json"))
    page = " ".join(omni("backtest", "events.jsonl", "--rules", "limits.yaml", "--against", "none").stdout.split())

    noon, once, nobody = (rule["new"] for rule in said["rules"])
    assert (once["fired"], noon["fired"], nobody["fired"]) == (1, 0, 0)
    assert noon["reasons"] == {"held": {"quiet_hours": 1}, "dropped": {"capped": 1}}
    assert (nobody["held_out"], nobody["reasons"]) == (1, {"held_out": {"rule_holdout": 1}})
    assert "waits quiet hours, by the customer's clock 1" in page
    assert "not sent, as a comparison the customer is one of those who get nothing of this rule 1" in page


def test_people_get_a_page_that_names_the_files_the_numbers_and_the_reasons_in_words(folder: Path, omni: Omni) -> None:
    write(folder, cart(0, "c1"), cart(0, "c2", "u-2"), order(45, "c1"), cart(300, "c3", "u-3"))

    done = omni("backtest", "events.jsonl", "--rules", "30m.yaml", "--against", "60m.yaml")

    page = " ".join(done.stdout.split())
    assert "What 30m.yaml would have sent from the start to 2026-11-24T15:00:00.000Z, against 60m.yaml." in page
    assert "Nothing was sent. 4 events. new: 2 messages to 2 customers, each 1 (median), at most 1." in page
    assert "In both 1, of these at another time 1; only in new 1, only in old 0." in page
    assert "cart_reminder sent 2 1 +1 not sent it was bought 0 1 -1" in page
    assert "2026-11-24 cart_reminder 2 1 +1" in page
    assert "Only in new, for example: 2026-11-24T10:30:00.000Z customer" in page


def test_a_line_that_is_no_event_is_counted_and_stops_nothing(folder: Path, omni: Omni) -> None:
    write(folder, cart(0, "c1"), cart(1, "", identifiers=3), cart(40, "c2"))
    words = ("backtest", "events.jsonl", "--rules", "30m.yaml", "--against", "60m.yaml")

    said, page = document(omni(*words, "--json")), omni(*words).stdout

    assert (said["events"], said["events_refused"], said["new"]["messages"]) == (2, 1, 1)
    assert "2 events; 1 are no valid events and were left out." in page


def test_without_against_the_configured_rules_are_the_old_ones(folder: Path, omni: Omni) -> None:
    write(folder, cart(0, "c1"))
    (folder / "omni.toml").write_text('rules_file = "60m.yaml"\n')

    assert document(omni("backtest", "events.jsonl", "--rules", "30m.yaml", "--json"))["rules_versions"] == {
        "new": "30m",
        "old": "60m",
    }


def test_one_run_can_be_read_from_standard_input_and_two_can_not(folder: Path, omni: Omni) -> None:
    stream = (folder / "shop.jsonl").read_text()

    one = omni("backtest", "-", "--rules", "two.yaml", "--against", "none", "--json", stdin=stream)
    two = omni("backtest", "-", "--rules", "two.yaml", stdin=stream)

    assert document(one)["new"]["messages"] > 0
    assert (two.code, two.stdout) == (2, "")
    assert "--against none" in two.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--rules", "30m.yaml"], 3, "there is no history in"),
        (["events.jsonl", "--rules", "wrong.yaml"], 2, "wrong.yaml:1: unknown kind abandoned_card"),
        (["events.jsonl", "--rules", "30m.yaml", "--against", "wrong.yaml"], 2, "wrong.yaml:1: unknown kind"),
        (["events.jsonl", "--rules", "30m.yaml", "--from", "2027-01-01T00:00:00Z"], 1, "no events in this span"),
        (["events.jsonl", "--rules", "30m.yaml", "--from", str(TEN), "--to", str(TEN)], 2, "--from is not before --to"),
        (["events.jsonl", "--rules", "30m.yaml", "--warm-up", "1d"], 2, "name --from T as well"),
        (["events.jsonl", "--rules", "30m.yaml", "--from", str(TEN), "--warm-up", "x"], 2, "'x' is not a duration"),
        (["nothing.jsonl", "--rules", "30m.yaml"], 2, "nothing.jsonl: no such file"),
        (["events.jsonl"], 2, "--rules"),
    ],
)
def test_what_cannot_be_tried_is_said_with_its_status(
    folder: Path, omni: Omni, words: list[str], code: int, said: str
) -> None:
    write(folder, cart(0, "c1"))
    (folder / "wrong.yaml").write_text("rules: [{name: a, kind: abandoned_card}]")

    done = omni("backtest", *words)

    assert (done.code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
