"""B9 as a user would try it: files of events, `omni simulate`, and the customers that come of them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Omni

PHONE, ADDRESS = "+491701234567", "anna@example.com"
TILL = {"phone": "0170 1234567", "payment_token": "t-1"}


def event(number: int, channel: str, identifiers: dict[str, str], country: str | None = None) -> dict[str, Any]:
    at = f"2026-11-24T10:{number // 60:02d}:{number % 60:02d}Z"
    told = {"event_id": f"e-{number}", "event_type": "page_viewed", "channel": channel, "occurred_at": at}
    return {**told, "identifiers": identifiers, "context": {"country": country}}


def customers(omni: Omni, folder: Path, events: list[dict[str, Any]], *words: str) -> list[dict[str, Any]]:
    """Play the events and return every customer."""
    (folder / "events.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in events), encoding="utf-8")
    done = omni("simulate", "events.jsonl", "--out", "out", "--json", *words)
    assert done.code == 0, done.stderr
    return [json.loads(line) for line in (folder / "out" / "customers.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("turned", [False, True])
def test_b9_one_shopper_is_one_customer_however_her_phone_and_address_are_sent(
    omni: Omni, tmp_path: Path, turned: bool
) -> None:
    sent: list[tuple[str, dict[str, str]]] = [
        ("web", {"email": "Anna@Example.com", "phone": "+49 170 1234567"}),
        ("pos", TILL),
        ("email", {"email": " ANNA@EXAMPLE.COM"}),
        ("ads", {"email_sha256": sha256(ADDRESS.encode()).hexdigest().upper()}),
        ("social", {"phone_sha256": f"sha256:{sha256(PHONE.encode()).hexdigest()}"}),
    ]
    events = [event(number, *each) for number, each in enumerate(reversed(sent) if turned else sent)]

    (anna,) = customers(omni, tmp_path, events, "--partitions", "3", "--shuffle", "3", "--seed", "1")

    assert anna["events"] == 5
    assert anna["identifiers"] == {"email": [ADDRESS], "payment_token": ["t-1"], "phone": [PHONE]}


def test_b9_without_any_country_a_till_links_nobody_by_a_national_number(omni: Omni, tmp_path: Path) -> None:
    (tmp_path / "nowhere.yaml").write_text("version: 1\n", encoding="utf-8")
    events = [event(0, "web", {"phone": PHONE}), event(1, "pos", TILL), event(2, "pos", {"phone": "0170 1234567"})]

    found = customers(omni, tmp_path, events, "--identity", "nowhere.yaml")

    assert sorted(each["identifiers"] for each in found if each["identifiers"].get("phone")) == [{"phone": [PHONE]}]
    assert len(found) == 3


def test_b9_a_store_phone_typed_in_many_ways_for_two_hundred_customers_stops_linking(
    omni: Omni, tmp_path: Path
) -> None:
    ways = ("040 1234567", "+49 40 1234567", "0049 (40) 123-4567")
    events = [
        event(number, "pos", {"account": f"u-{number}", "phone": ways[number % 3]}, "DE") for number in range(200)
    ]

    found = customers(omni, tmp_path, events)
    changes = (tmp_path / "out" / "identity_changes.jsonl").read_text("utf-8").splitlines()

    assert len(found) == 200
    assert sum("phone" in each["identifiers"] for each in found) == 1
    assert sum(json.loads(change)["reason"] == "customers_per_value" for change in changes) == 190


def test_the_rules_of_the_file_make_two_addresses_one(omni: Omni, tmp_path: Path) -> None:
    rules = "normalise: {email_plus_tags: drop, email_dots_ignored_at: [gmail.com]}\n"
    (tmp_path / "one.yaml").write_text(rules, encoding="utf-8")
    events = [event(0, "web", {"email": "a.nna+shop@gmail.com"}), event(1, "web", {"email": "anna@gmail.com"})]

    kept, joined = customers(omni, tmp_path, events), customers(omni, tmp_path, events, "--identity", "one.yaml")

    assert [len(kept), len(joined)] == [2, 1]
    assert joined[0]["identifiers"] == {"email": ["anna@gmail.com"]}
