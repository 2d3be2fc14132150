"""Which identifier is strongest, and which values identify nobody."""

from __future__ import annotations

import pytest

from pipeline.domain.identity.config import IdentityConfig


def test_identifiers_are_ranked_strongest_first_and_unknown_kinds_last_by_name() -> None:
    given = {"zebra": "z", "cookie": "c", "badge": "b", "account": "u", "email": "e@example.com"}

    ranked = IdentityConfig().strongest_first(given)

    assert [kind for kind, _ in ranked] == ["account", "email", "cookie", "badge", "zebra"]


def test_the_order_of_the_file_decides_which_identifier_is_the_anchor() -> None:
    config = IdentityConfig(order=("cookie", "account"))

    assert config.strongest_first({"account": "u", "cookie": "c"})[0] == ("cookie", "c")


def test_one_identifier_is_its_own_anchor_whatever_its_kind() -> None:
    assert IdentityConfig().strongest_first({"badge": "b"}) == (("badge", "b"),)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("null", "blocked_builtin"),
        (" NULL ", "blocked_builtin"),
        ("guest", "blocked_builtin"),
        ("[object Object]", "blocked_builtin"),
        ("0", "blocked_zeros"),
        ("00000000-0000-0000-0000-000000000000", "blocked_zeros"),
        ("---", "blocked_zeros"),
        ("", "blocked_zeros"),
        ("a" * 1_025, "blocked_length"),
        ("Till-7", "blocked_value"),
        ("test-42", "blocked_pattern"),
        ('"null"', "blocked_builtin"),
        ("'Guest'", "blocked_builtin"),
        ("` undefined `", "blocked_builtin"),
        ("\"'none'\"", "blocked_builtin"),
        ('""', "blocked_zeros"),
        ("'0'", "blocked_zeros"),
        ('"Till-7"', "blocked_value"),
        ('"test-42"', "blocked_pattern"),
        ('"u-1"', None),
        ('"', None),
        ("a" * 1_024, None),
        ("contest-42", None),
        ("10", None),
        ("nullable", None),
    ],
)
def test_b3_values_that_identify_nobody_are_blocked_with_their_reason(value: str, reason: str | None) -> None:
    config = IdentityConfig(blocked_values=frozenset({"till-7"}), blocked_patterns=("^test-",))

    assert config.blocked_reason(value) == reason
