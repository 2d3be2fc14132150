"""`omni audiences export`: from events to the files of the ad platforms."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DONE, NO, USAGE
from tests.conftest import Finished, Omni

MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
CLOUDY = "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"
E164 = "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30"
"""+18005550100"""
DIGITS = "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"
"""15559876543"""


def viewed(number: int, sku: str, minute: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e-{number}-{minute}",
        "event_type": "product_viewed",
        "channel": "web",
        "occurred_at": f"2026-11-24T10:{minute:02}:00Z",
        "identifiers": {"account": f"u-{number}"} | more.pop("identifiers", {}),
        "items": [{"sku": sku, "quantity": 1}],
        **more,
    }


@pytest.fixture
def exported(omni: Omni, tmp_path: Path) -> Any:
    events = [
        viewed(1, "A", identifiers={"email": "mary@example.com", "phone": "+18005550100"}),
        viewed(2, "B", identifiers={"email": "cloudy.sanfrancisco+shopping@gmail.com"}),
        viewed(2, "C", 1, identifiers={"phone": "+15559876543"}),
        viewed(3, "A"),
        viewed(4, "A", identifiers={"email": "denied@example.com"}, consent={"ads": False}),
        viewed(5, "A", identifiers={"email": "elsewhere@example.com"}, tenant="other"),
    ]
    rules = "audiences:\n  - {name: ads, condition: {shows: [viewed]}}\nrules: []\n"
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    done = omni("simulate", "events.jsonl", "--rules", "rules.yaml", "--out", "result")
    assert done.code == DONE, done.stderr

    def export(form: str, *words: str, name: str = "ads") -> tuple[Finished, list[list[str]]]:
        done = omni(
            "audiences", "export", name, "--format", form, "--out", "list.csv", "--simulation", "result", *words
        )
        path = tmp_path / "list.csv"
        return done, list(csv.reader(path.open(encoding="utf-8"))) if path.exists() else []

    return export


def test_google_gets_its_own_form_of_addresses_and_phones_with_a_plus(exported: Any) -> None:
    done, rows = exported("google")

    assert rows[0] == ["Email", "Phone"]
    assert [MARY, E164] in rows
    assert [row[0] for row in rows if row[0] == CLOUDY] == [CLOUDY]
    assert done.stdout == "list.csv: 2 of 3 members of ads.\n1 have no address that can be matched there.\n"


def test_meta_gets_addresses_as_they_are_and_phones_without_a_plus(exported: Any) -> None:
    _, rows = exported("meta")

    assert rows[0] == ["email", "phone"]
    assert [phone for _, phone in rows[1:] if phone == DIGITS] == [DIGITS]
    assert MARY in [email for email, _ in rows]
    assert E164 not in [phone for _, phone in rows]
    assert CLOUDY not in [email for email, _ in rows]


def test_tiktok_gets_addresses_as_they_are_and_phones_with_a_plus(exported: Any) -> None:
    _, rows = exported("tiktok")

    assert rows[0] == ["Email_SHA256", "Phone_SHA256"]
    assert [MARY, E164] in rows
    assert len(rows) == 3


def test_the_plain_list_has_every_member_with_the_products_to_show(exported: Any) -> None:
    done, rows = exported("plain", "--json")

    assert rows[0] == ["customer_id", "since", "email_sha256", "phone_sha256", "items"]
    assert sorted((email, json.loads(items)) for _, _, email, _, items in rows[1:])[:1] == [
        ("", [{"sku": "A", "size": None}])
    ]
    assert sorted(json.loads(items)[0]["sku"] for *_, items in rows[1:]) == ["A", "A", "C"]
    assert json.loads(done.stdout) == {
        "audience": "ads", "format": "plain", "file": "list.csv", "members": 3, "rows": 3, "without_address": 0,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["google", "meta", "tiktok", "plain"])
def test_no_list_holds_an_address_nor_who_denied_ads_nor_another_tenants_customers(
    exported: Any, form: str, tmp_path: Path
) -> None:
    exported(form)

    text = (tmp_path / "list.csv").read_text(encoding="utf-8")
    assert "@" not in text
    assert "5550100" not in text
    assert len(text.splitlines()) == (4 if form == "plain" else 3)


def test_a_tenants_list_is_its_own(exported: Any) -> None:
    _, rows = exported("plain", "--tenant", "other")

    assert len(rows) == 2


def test_an_audience_nobody_was_ever_in_is_answered_with_no_and_no_file(exported: Any) -> None:
    done, rows = exported("google", name="adz")

    assert (done.code, rows) == (NO, [])
    assert "Nobody was ever in an audience adz of tenant default" in done.stderr


def test_where_there_is_no_result_of_a_simulation_it_says_so(omni: Omni) -> None:
    done = omni("audiences", "export", "ads", "--format", "meta", "--out", "x.csv", "--simulation", "nowhere")

    assert done.code == USAGE
    assert "nowhere holds no result of omni simulate --out" in done.stderr


def test_a_file_that_cannot_be_written_is_told(omni: Omni, exported: Any) -> None:
    done, _ = exported("google", "--out", "no/such/folder/list.csv")

    assert done.code == USAGE
    assert "no/such/folder/list.csv cannot be written" in done.stderr
