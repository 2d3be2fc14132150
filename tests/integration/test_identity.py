"""`omni identity` and `omni customer` around a merge, on a real broker with one worker."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import founded_by
from tests.conftest import Finished, Omni
from tests.harness.fixtures import Install, carts
from tests.harness.installation import Installation

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]

TEN = 1_732_442_400_000
"""2024-11-24T10:00:00Z: past on every machine, so that a worker on the time of day takes these times as they are."""
MINUTE = 60_000

CARD, MAIL = founded_by("default", ("loyalty", "l1")), founded_by("default", ("email", "m1@example.com"))
COOKIE, FIRST, SECOND = (
    founded_by("default", ("cookie", "a1")),
    founded_by("default", ("account", "u1")),
    founded_by("default", ("account", "u2")),
)


class Shop:
    """Events by the minute after ten, each handled before the next, and the commands that ask about them."""

    def __init__(self, omni: Omni, installation: Installation) -> None:
        self._omni, self._installation = omni, installation

    def at(self, minute: int, **identifiers: str) -> None:
        event = ChannelEvent(f"e-{minute}", "page_viewed", "web", TEN + minute * MINUTE, identifiers)
        self._installation.publish([event])
        self._installation.settle()

    def run(self, *words: str) -> Finished:
        return self._omni(*words, env=self._installation.environment)

    def asked(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert done.code == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def shop(install: Install, omni: Omni) -> Shop:
    installation = install(carts("1h"), partitions="2", customers_every_ms="100")
    installation.flowing(installation.start())
    return Shop(omni, installation)


def test_a_merge_is_explained_undone_and_stays_undone(shop: Shop) -> None:
    shop.at(0, email="m1@example.com", phone="+491701")
    shop.at(1, loyalty="l1")
    shop.at(2, loyalty="l1", phone="+491701")

    said = shop.asked("identity", "explain", "email: M1@example.com")
    (merge,) = said["merges"]
    assert (said["customer_id"], said["part"], said["event_id"]) == (CARD, MAIL, "e-0")
    assert (merge["customer_id"], merge["into"], merge["event_id"]) == (MAIL, CARD, "e-2")
    assert [(each["kind"], each["part"]) for each in said["identifiers"]] == [
        ("email", MAIL), ("loyalty", CARD), ("phone", MAIL),
    ]  # fmt: skip
    assert shop.asked("identity", "merges", MAIL) == {"customer_id": CARD, "merges": [merge]}
    assert shop.asked("customer", MAIL)["customer_id"] == CARD, "who has become part of another is followed"
    timeline = shop.asked("customer", "loyalty:l1", "--timeline")["timeline"]
    assert [entry["event_id"] for entry in timeline] == ["e-0", "e-1", "e-2"]

    tailed = shop.run("tail", "customers", "--from-start", "--until-end").stdout.splitlines()
    of_mail = [each for each in map(json.loads, tailed) if each["customer_id"] == MAIL]
    assert [(each["merged_into"], each["details"] and each["details"]["events"]) for each in of_mail] == [
        (None, 1), (CARD, None),
    ]  # fmt: skip

    nothing = shop.run("identity", "unmerge", "loyalty:l1")
    assert (nothing.code, nothing.stdout) == (1, "")
    assert "no merge brought this identifier in" in nothing.stderr

    undone = shop.asked("identity", "unmerge", "phone:+491701", "--merge", merge["merge_id"])
    assert (undone["merge"], undone["answer"]["change"]) == (merge, "unmerged")
    assert (undone["answer"]["customer_id"], undone["answer"]["other_customer_id"]) == (CARD, MAIL)
    assert undone["answer"]["caused_by"] == undone["event_id"]

    shop.at(3, loyalty="l1", phone="+491701")
    for typed in ("phone:+491701", "phone: 01701", f"phone_sha256:{sha256(b'+491701').hexdigest().upper()}"):
        assert shop.asked("customer", typed)["customer_id"] == MAIL
    assert shop.asked("customer", "loyalty:l1")["identifiers"] == {"loyalty": ["l1"]}
    explained = shop.run("identity", "explain", f"phone_sha256:{sha256(b'+491701').hexdigest()}")
    assert f"phone:+491701 belongs to customer {MAIL} since 2024-11-24T10:00:00.000Z (event e-0)." in explained.stdout
    assert "kept_apart, a merge of the two was undone" in explained.stdout


def test_two_customers_are_merged_by_hand_within_the_limits_and_stay_apart_once_that_was_undone(shop: Shop) -> None:
    shop.at(0, email="m1@example.com")
    shop.at(1, email="m2@example.com")
    shop.at(2, account="u1")
    shop.at(3, account="u2")

    merged = shop.asked("identity", "merge", "email:m1@example.com", "email: M2@example.com")
    assert (merged["answer"]["change"], merged["answer"]["kind"]) == ("merged", "operator")
    assert merged["answer"]["caused_by"] == merged["event_id"]
    one = shop.asked("customer", "email:m1@example.com")
    assert (one["identifiers"]["email"], one["events"]) == (["m1@example.com", "m2@example.com"], 2)
    again = shop.run("identity", "merge", "email:m2@example.com", "email:m1@example.com")
    assert (again.code, again.stdout) == (0, f"These are of one customer already, {one['customer_id']}.\n")

    shop.asked("identity", "unmerge", "email:m1@example.com", "--merge", merged["answer"]["merge_id"])
    apart = shop.run("identity", "merge", "email:m1@example.com", "email:m2@example.com")
    two_accounts = shop.run("identity", "merge", "account:u1", "account:u2")
    nobody = shop.run("identity", "merge", "account:u1", "account:u3")

    assert (apart.code, two_accounts.code, nobody.code) == (1, 1, 1)
    assert "Refused: kept_apart, a merge of the two was undone" in apart.stdout
    assert "Refused: kind_limit" in two_accounts.stdout
    assert "Nothing is known of account:u3" in nobody.stderr


def test_a_blocked_value_is_explained_and_links_nobody_any_more(shop: Shop) -> None:
    shop.at(0, cookie="a1", account="u1")
    shop.at(1, cookie="a1", account="u2")
    said = shop.asked("identity", "explain", "cookie:a1")
    assert (said["customer_id"], [owner["customer_id"] for owner in said["earlier_owners"]]) == (SECOND, [FIRST])
    assert [refused["reason"] for refused in said["refusals"]] == ["kind_limit"]

    blocked = shop.run("identity", "block", "cookie:a1")
    again = shop.run("identity", "block", "cookie:a1")
    shop.at(2, cookie="a1")

    assert (blocked.code, again.code) == (0, 0), blocked.stderr + again.stderr
    assert blocked.stdout.startswith("Blocked: cookie:a1 links nothing from now on.")
    assert again.stdout == "cookie:a1 is blocked already.\n"
    assert shop.asked("identity", "explain", "cookie:a1")["blocked"]
    assert shop.asked("customer", "account:u2")["events"] == 1
    assert shop.run("identity", "unmerge", "cookie:a1").code == 1

    never_seen = shop.asked("identity", "block", "phone:04000")
    assert (never_seen["answer"]["change"], never_seen["answer"]["value"]) == ("blocked", "+494000")
    assert shop.asked("identity", "explain", "phone:+494000")["customer_id"] is None


def test_what_nobody_knows_is_the_answer_no_and_without_a_worker_the_wait_ends(install: Install, omni: Omni) -> None:
    shop = Shop(omni, install(carts("1h"), partitions="2"))

    for action in ("explain", "merges", "unmerge"):
        done = shop.run("identity", action, "account:nobody")
        assert (done.code, done.stdout) == (1, "")
        assert "Nothing is known of account:nobody" in done.stderr
    blocked = shop.run("identity", "block", "account:u1", "--timeout", "0.5", "--json")
    assert (blocked.code, json.loads(blocked.stdout)["answer"]) == (1, None)
    assert "Is a worker running?" in blocked.stderr
    for action in ("block", "explain"):
        anyway = shop.run("identity", action, "account:guest")
        assert (anyway.code, anyway.stdout) == (1, "")
        assert "account:guest links nothing anyway: identity.yaml and the built-in list block" in anyway.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "u1"), "explain needs an identifier, KIND:VALUE"),
        (("block", "account:u1", "--merge", "m"), "--merge goes with unmerge"),
    ],
)
def test_wrong_usage_is_told(omni: Omni, words: tuple[str, ...], said: str) -> None:
    done = omni("identity", *words)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
