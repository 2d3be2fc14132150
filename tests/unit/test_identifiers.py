"""One person's address or number is one identifier, however it was typed."""

from __future__ import annotations

from hashlib import sha256

import pytest

from pipeline.domain.identity.config import IdentityConfig
from pipeline.identifiers import identifier_of

NOWHERE = IdentityConfig()
GERMAN = IdentityConfig(default_country="DE")
ANNA = sha256(b"anna@example.com").hexdigest()


def phone(text: str, country: str | None = None, config: IdentityConfig = NOWHERE) -> tuple[str, str | None]:
    (kind, value), why = identifier_of("phone", text, country, config)
    assert kind == "phone"
    return value, why


def email(text: str, config: IdentityConfig = NOWHERE) -> tuple[str, str | None]:
    (kind, value), why = identifier_of("email", text, None, config)
    assert kind == "email"
    return value, why


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("+49 170 1234567", None),
        ("0170 1234567", "DE"),
        ("0170/1234-567", " de "),
        ("(0170) 1234567", "DE"),
        ("+49 (0)170 1234567", "US"),
        ("0049 170 1234567", "DE"),
        ("0049 170 1234567", None),
        ("tel:+49-170-1234567", None),
        ('"+49 170 1234567"', None),
        ("+491701234567", "XX"),
        ("٠١٧٠ ١٢٣٤٥٦٧", "DE"),
    ],
)
def test_b9_a_phone_number_is_one_however_it_is_typed(text: str, country: str | None) -> None:
    assert phone(text, country) == ("+491701234567", None)


def test_b9_an_address_in_capitals_is_the_same() -> None:
    assert email("ANNA@EXAMPLE.COM") == email("anna@example.com") == ("anna@example.com", None)


def test_the_country_of_the_event_comes_before_the_default_one() -> None:
    assert phone("07911 123456", "GB", GERMAN) == ("+447911123456", None)
    assert phone("0170 1234567", None, GERMAN) == phone("0170 1234567", "", GERMAN) == ("+491701234567", None)


@pytest.mark.parametrize(
    ("text", "country", "why"),
    [
        ("0170 1234567", None, "blocked_phone_country"),
        ("0170 1234567", "UK", "blocked_phone_country"),  # a country, but which? Not the default one
        ("0077 12 34", None, "blocked_phone_country"),  # 00 that leads nowhere
        ("0049 170 1234567", "US", "blocked_phone"),  # 011 leads abroad from there
        ("5550100", "US", "blocked_phone"),  # the same number in every town
        ("100", "DE", "blocked_phone"),
        ("+49", None, "blocked_phone"),
        ("+49 170", None, "blocked_phone"),
        ("none given", "DE", "blocked_phone"),
        ("none given", None, "blocked_phone"),
        ("0170 1234567 / 0171 7654321", "DE", "blocked_phone"),
        ("+00 000 000", None, "blocked_phone"),
    ],
)
def test_what_is_not_one_number_in_the_world_does_not_link(text: str, country: str | None, why: str) -> None:
    config = GERMAN if country == "UK" else NOWHERE

    assert phone(text, country, config) == (text, why)


def test_colleagues_behind_one_switchboard_are_told_apart() -> None:
    assert phone("+49 40 1234 ext. 12") == phone("+49401234;ext=12") == ("+49401234;ext=12", None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Anna @ Example.com", "anna@example.com"),
        ("anna+shop@example.com", "anna+shop@example.com"),
        ("a.nna@gmail.com", "a.nna@gmail.com"),
        ('"Anna@example.com"', "anna@example.com"),
        ("' anna@example.com '", "anna@example.com"),
        ('"anna s"@example.com', '"annas"@example.com'),
        ("anna@BÜCHER.example", "anna@xn--bcher-kva.example"),
        ("anna@xn--bcher-kva.example", "anna@xn--bcher-kva.example"),
        ("Zoe\u0308@example.com", "zoë@example.com"),
        ("anna@☃.example", "anna@☃.example"),
        ("not@home@example.com", "not@home@example.com"),
    ],
)
def test_addresses_differ_in_nothing_but_case_blanks_and_spelling(text: str, value: str) -> None:
    assert email(text) == (value, None)


@pytest.mark.parametrize("text", ["anna", "@example.com", "anna@", "n/a given"])
def test_what_is_not_an_address_does_not_link(text: str) -> None:
    assert email(text) == (text, "blocked_email")


def test_plus_tags_and_dots_go_where_the_file_says_so() -> None:
    tags = IdentityConfig(email_plus_tags_dropped=True)
    dots = IdentityConfig(email_dots_ignored_at=frozenset({"gmail.com"}))

    assert email("anna.s+shop@gmail.com", tags) == ("anna.s@gmail.com", None)
    assert email("anna.s+shop@GMAIL.com", dots) == ("annas+shop@gmail.com", None)
    assert email("anna.s@example.com", dots) == ("anna.s@example.com", None)
    assert email("+shop@example.com", tags) == ("+shop@example.com", None)


@pytest.mark.parametrize(
    "text", [ANNA, ANNA.upper(), f"sha256:{ANNA}", f"SHA256:{ANNA}", f'"{ANNA.upper()}"', f"' {ANNA} '"]
)
@pytest.mark.parametrize("kind", ["email_sha256", "email"])
def test_a_hash_is_a_form_of_what_is_hashed(kind: str, text: str) -> None:
    assert identifier_of(kind, text, None, NOWHERE) == (("email", f"sha256:{ANNA}"), None)


@pytest.mark.parametrize("text", ["anna@example.com", ANNA[:-1], ANNA + "0", "g" + ANNA[1:], f"md5:{ANNA}"])
def test_what_is_not_a_hash_does_not_link(text: str) -> None:
    assert identifier_of("phone_sha256", text, None, NOWHERE) == (("phone_sha256", text), "blocked_hash")


@pytest.mark.parametrize("nobody", ["", "null", "undefined"])
def test_the_hash_of_nobody_is_nobody(nobody: str) -> None:
    hashed = sha256(nobody.encode()).hexdigest()

    assert identifier_of("email_sha256", hashed, None, NOWHERE)[1] == "blocked_builtin"
    assert identifier_of("email", f"sha256:{hashed}", None, NOWHERE)[1] == "blocked_builtin"


def test_patterns_of_the_file_are_looked_for_in_what_was_typed_and_in_what_links() -> None:
    config = IdentityConfig(blocked_patterns=(r"^\+49800", "^0900"), default_country="DE")

    assert phone("0800 1234567", config=config)[1] == "blocked_pattern"
    assert phone("0900 1234567", config=config)[1] == "blocked_pattern"
    assert phone("0170 1234567", config=config)[1] is None
