"""A customer's e-mail addresses and phone numbers as SHA-256, in the forms that ad platforms compare.

Ours (`pipeline/identifiers.py`: small letters; E.164 with its +) is that of TikTok, of Google for phones, of Meta for
addresses. The others are made here, where the plain value is known: a hash cannot be turned into another. The rules:

- Google, developers.google.com/data-manager/api/devguides/concepts/formatting: in addresses at gmail.com and
  googlemail.com dots and what follows a + are left out, at other domains nothing is; phones are E.164.
- Meta, developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences: phones are digits alone, with the
  country code and no leading zeros.
- TikTok, ads.tiktok.com/help/article/list-of-supported-ids-and-formats-for-a-customer-file: small letters, E.164.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.hashed import HASHED_KINDS, PREFIX, hash_of, is_hashed

EMAIL_GOOGLE: Final = "email_google"
PHONE_META: Final = "phone_meta"

_WITHOUT_DOTS: Final = ("gmail.com", "googlemail.com")


def addresses(customer: CustomerState | Draft) -> dict[str, tuple[str, ...]]:
    """Return the hashes by kind, sorted; a form of a platform only where it differs.

    An address known by its hash alone is taken to be in the platform's form; a phone for Meta is left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for kind in sorted(HASHED_KINDS):
        values = [value for value, link in customer.identifiers.get(kind, {}).items() if link.linked]
        if not values:
            continue
        found[kind] = _hashes(values)
        if kind == "phone":
            found[PHONE_META] = _hashes([value.removeprefix("+") for value in values if not is_hashed(value)])
        else:
            found[EMAIL_GOOGLE] = _hashes([of_google(value) for value in values])
            if found[EMAIL_GOOGLE] == found[kind]:
                del found[EMAIL_GOOGLE]
    return {kind: hashes for kind, hashes in found.items() if hashes}


def of_google(address: str) -> str:
    """Return an address as Google writes it before it is hashed; a hash as it is.

    >>> of_google("cloudy.sanfrancisco+shopping@gmail.com"), of_google("user.name+nyc@example.com")
    ('cloudysanfrancisco@gmail.com', 'user.name+nyc@example.com')
    """
    name, _, domain = address.rpartition("@")
    if domain not in _WITHOUT_DOTS:
        return address
    return f"{name.partition('+')[0].replace('.', '')}@{domain}"


def _hashes(values: list[str]) -> tuple[str, ...]:
    return tuple(sorted({hash_of(value).removeprefix(PREFIX) for value in values}))
