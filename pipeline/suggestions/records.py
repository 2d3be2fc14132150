"""What a customer said of itself, as fields that can be compared. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Final
from unicodedata import combining, normalize

from msgspec import Struct

from pipeline.domain.messages.keys import Identifier

TRAITS: Final[dict[str, tuple[str, ...]]] = {
    "given_name": ("firstname", "givenname", "forename"),
    "surname": ("lastname", "surname", "familyname"),
    "full_name": ("name", "fullname"),
    "birth_date": ("birthday", "birthdate", "dateofbirth", "dob"),
    "street": ("addressstreet", "street", "addressline1", "address1", "address"),
    "postcode": ("addresspostalcode", "postalcode", "addresspostcode", "postcode", "addresszip", "zipcode", "zip"),
    "city": ("addresscity", "city", "addresstown", "town"),
    "email": ("email",),
    "phone": ("phone", "phonenumber", "mobile"),
}
"""Field → properties that tell it, the best first: Segment's traits and common others, spelled as by `trait_name`."""

UNTOLD_DATES: Final = frozenset({"1900-01-01", "1970-01-01"})
"""Birth dates that forms and databases put in where none was given."""
OLDEST_YEAR: Final = 1900
FIELDS_NEEDED: Final = 2
"""A record of one field is like too many others."""

_GERMAN_DATE: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


class Record(Struct, frozen=True):
    """One customer: an identifier that leads to it, and what it said, by field (keys of TRAITS but `full_name`)."""

    customer_id: str
    identifier: Identifier
    fields: dict[str, str]


def trait_name(name: str) -> str:
    """Return a property's name without what producers differ in.

    >>> trait_name("address.postalCode"), trait_name("First_Name")
    ('addresspostalcode', 'firstname')
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def tidied(told: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that traits tell; `told` is by `trait_name`.

    >>> tidied({"name": "Zoë  MÜLLER-Lüd", "dob": "12.5.1984", "zip": "10 115", "phone": "+49 (170) 12"})
    {'given_name': 'zoe', 'surname': 'muller lud', 'birth_date': '1984-05-12', 'postcode': '10115', 'phone': '4917012'}
    """
    fields = {field: _first(field, names, told) for field, names in TRAITS.items()}
    given_name, _, surname = fields.pop("full_name").partition(" ")
    if surname and not fields["given_name"] and not fields["surname"]:
        fields["given_name"], fields["surname"] = given_name, surname
    return {field: value for field, value in fields.items() if value}


def pairs_alike(records: Iterable[Record], *fields: str) -> int:
    """Return how many pairs of records have the very same values in all of these fields."""
    groups: dict[tuple[str, ...], int] = {}
    for record in records:
        if all(field in record.fields for field in fields):
            key = tuple(record.fields[field] for field in fields)
            groups[key] = groups.get(key, 0) + 1
    return sum(number * (number - 1) // 2 for number in groups.values())


def _first(field: str, names: Iterable[str], told: Mapping[str, str]) -> str:
    tidy = _TIDY.get(field, _words)
    return next((value for name in names if name in told and (value := tidy(told[name]))), "")


def _words(text: str) -> str:
    plain = "".join(letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
    return " ".join(re.findall(r"\w+", plain))


def _joined(text: str) -> str:
    return _words(text).replace(" ", "")


def _digits(text: str) -> str:
    return "".join(re.findall(r"\d", text))


def _date(text: str) -> str:
    """Return an ISO date; empty for what is none, or is a form's own. 05/12/1984 is two dates, so it is none."""
    text = text.strip()
    german = _GERMAN_DATE.fullmatch(text)
    with suppress(ValueError):
        if german:
            day = date(int(german[3]), int(german[2]), int(german[1]))
        else:
            day = date.fromisoformat(text[:8] if text[:8].isdigit() else text[:10])
        return "" if day.year < OLDEST_YEAR or day.isoformat() in UNTOLD_DATES else day.isoformat()
    return ""


_TIDY: Final = {
    "birth_date": _date,
    "postcode": _joined,
    "email": lambda text: text.strip().lower(),
    "phone": _digits,
}
"""How a field is tidied where it is not words in small letters without accents."""
