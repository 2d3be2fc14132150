"""The lines of customer lists: columns, members with many addresses, records of earlier versions."""

from __future__ import annotations

from typing import Any

from pipeline.ad_lists import members_of, reachable, written


def member(customer_id: str = "c-1", *, belongs: bool = True, **addresses: list[str]) -> dict[str, Any]:
    return {
        "audience": "ads",
        "tenant": "default",
        "customer_id": customer_id,
        "member": belongs,
        "since": "2026-11-24T10:00:00.000Z",
        "addresses": addresses,
        "items": [],
    }


def test_of_a_customer_the_latest_record_holds() -> None:
    records = [member("c-2", email=["a"]), member("c-1", email=["b"]), member("c-2", belongs=False)]

    assert members_of(records, "ads", "default") == [member("c-1", email=["b"])]
    assert members_of([*records, member("c-2", email=["c"])], "ads", "default") == [
        member("c-1", email=["b"]),
        member("c-2", email=["c"]),
    ]


def test_an_audience_everybody_has_left_is_empty_and_one_never_heard_of_is_none() -> None:
    assert members_of([member(belongs=False)], "ads", "default") == []
    assert members_of([member()], "other", "default") is None
    assert members_of([member()], "ads", "other") is None
    assert written([], "google") == [("Email", "Phone")]


def test_a_kind_nobody_has_gets_no_column() -> None:
    assert written([member(email=["a"])], "tiktok") == [("Email_SHA256",), ("a",)]
    assert written([member(phone=["p"])], "google") == [("Phone",), ("p",)]


def test_several_addresses_stand_beside_each_other_and_beyond_three_below() -> None:
    members = [member(email=["a", "b", "c", "d"], phone=["p"]), member("c-2", phone=["q"])]

    assert written(members, "google") == [
        ("Email", "Email", "Email", "Phone"),
        ("a", "b", "c", "p"),
        ("d", "", "", ""),
        ("", "", "", "q"),
    ]


def test_a_record_of_an_earlier_version_is_listed_where_its_form_fits() -> None:
    members = [member(email=["a"], phone=["p"])]

    assert written(members, "google") == [("Email", "Phone"), ("a", "p")]
    assert written(members, "meta") == [("email",), ("a",)]
    assert reachable([member(phone=["p"])], "meta") == 0
