"""The hashes that ad platforms compare, against the examples of their own documentation."""

from __future__ import annotations

import pytest

from pipeline.domain.customer.ad_addresses import addresses, of_google
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.graph import Link
from pipeline.identifiers import identifier_of

CLOUDY = "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"
MARY = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
META_PHONE = "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"


def hashes(*told: tuple[str, str], linked: bool = True) -> dict[str, tuple[str, ...]]:
    """What is told of a customer seen with these identifiers as they were typed."""
    identifiers: dict[str, dict[str, Link]] = {}
    for kind, value in told:
        (kind, value), why = identifier_of(kind, value, "US", IdentityConfig())
        assert why is None
        identifiers.setdefault(kind, {})[value] = Link(1, "e-1", linked=linked)
    return addresses(CustomerState("default", "c-1", identifiers=identifiers))


@pytest.mark.parametrize(
    ("typed", "sha256"),
    [
        ("Dana@Example.com", "07e2f1394b0ea80e2adca010ea8318df697001a005ba7452720edda4b0ce57b3"),
        ("DanaM@example.com", "1df6b43bc68dd38eca94e6a65b4f466ae537b796c81a526918b40ac4a7b906c7"),
        ("cloudy.sanfrancisco+shopping@gmail.com", CLOUDY),
        ("cloudySanFrancisco@GMAIL.com", CLOUDY),
    ],
)
def test_google_finds_an_address_as_its_guide_says(typed: str, sha256: str) -> None:
    found = hashes(("email", typed))

    assert found.get("email_google", found["email"]) == (sha256,)


def test_google_finds_a_phone_in_the_form_that_is_ours() -> None:
    assert hashes(("phone", "(800)555-0100"))["phone"] == (
        "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30",
    )


def test_dots_and_plus_signs_count_at_other_domains() -> None:
    assert of_google("user.name+nyc@example.com") == "user.name+nyc@example.com"
    assert "email_google" not in hashes(("email", "user.name+NYC@Example.com"))
    assert of_google("a.b+c@googlemail.com") == "ab@googlemail.com"


@pytest.mark.parametrize(
    ("kind", "typed", "of", "sha256"),
    [
        ("email", "mary@example.com", "email", MARY),
        ("email", "John_Smith@gmail.com", "email", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
        ("phone", "+1 555 987 6543", "phone_meta", META_PHONE),
        ("phone", "(650)555-1212", "phone_meta", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    ],
)
def test_meta_finds_addresses_and_phones_as_its_guide_says(kind: str, typed: str, of: str, sha256: str) -> None:
    assert hashes((kind, typed))[of] == (sha256,)


def test_tiktok_finds_an_address_as_its_guide_says() -> None:
    assert hashes(("email", "janedoe@gmail.com"))["email"] == (
        "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",
    )


def test_what_is_known_by_its_hash_alone_is_passed_on_but_for_metas_phones() -> None:
    found = hashes(("email", f"sha256:{MARY}"), ("phone", f"sha256:{META_PHONE}"))

    assert found == {"email": (MARY,), "phone": (META_PHONE,)}


def test_two_ways_to_write_one_google_address_are_one_there() -> None:
    found = hashes(("email", "cloudy.sanfrancisco@gmail.com"), ("email", "cloudysanfrancisco@gmail.com"))

    assert (len(found["email"]), found["email_google"]) == (2, (CLOUDY,))


def test_what_no_longer_links_is_nobodys() -> None:
    assert hashes(("email", "mary@example.com"), ("phone", "+1 555 987 6543"), linked=False) == {}
