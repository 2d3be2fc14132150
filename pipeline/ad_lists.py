"""The members of an audience as the customer lists that ad platforms take: CSV with SHA-256, never an address.

Columns and headers are those of the platforms' own pages:

- Google Customer Match, support.google.com/google-ads/answer/7476159: `Email`, `Phone`, each as often as needed.
- Meta customer list, facebook.com/business/help/2082575038703844: `email`, `phone`, each in up to three columns.
- TikTok customer file, ads.tiktok.com/help/article/list-of-supported-ids-and-formats-for-a-customer-file:
  `Email_SHA256`, `Phone_SHA256`, each header at most three times.

Which hash goes where: `domain/customer/ad_addresses.py`. `plain` is for everybody else: one line a member, with the
products to show as JSON and several hashes with a blank between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, TypeAlias

from msgspec import Struct, json

from pipeline.domain.customer.ad_addresses import EMAIL_GOOGLE, PHONE_META

Member: TypeAlias = dict[str, Any]
"""A record of the topic `audiences` as JSON."""

Row: TypeAlias = Sequence[str]

COLUMNS_OF_A_KIND: Final = 3
"""The most that Meta and TikTok take. Who has more addresses gets another line."""


class AdList(Struct, frozen=True):
    """Headers of a platform, and which hashes go under them: the first kind that a member has."""

    email: str
    phone: str
    email_kinds: tuple[str, ...] = ("email",)
    phone_kinds: tuple[str, ...] = ("phone",)


AD_LISTS: Final[dict[str, AdList]] = {
    "google": AdList("Email", "Phone", email_kinds=(EMAIL_GOOGLE, "email")),
    "meta": AdList("email", "phone", phone_kinds=(PHONE_META,)),
    "tiktok": AdList("Email_SHA256", "Phone_SHA256"),
}
PLAIN: Final = "plain"
FORMATS: Final = (*AD_LISTS, PLAIN)


def members_of(records: Iterable[Member], audience: str, tenant: str) -> list[Member] | None:
    """Return who belongs to an audience, by customer; None if nobody was ever told of it. The latest record holds."""
    latest: dict[str, Member] = {}
    for record in records:
        if record["audience"] == audience and record["tenant"] == tenant:
            latest[record["customer_id"]] = record
    if not latest:
        return None
    return [record for _, record in sorted(latest.items()) if record["member"]]


def written(members: Sequence[Member], form: str) -> list[Row]:
    """Return the lines of a list, the header first. Who has no address that the platform knows has no line."""
    return list(_plain(members)) if form == PLAIN else _of_platform(members, AD_LISTS[form])


def reachable(members: Sequence[Member], form: str) -> int:
    """Return how many members have a line."""
    return len(members) if form == PLAIN else sum(any(_hashes(each, AD_LISTS[form])) for each in members)


def _plain(members: Sequence[Member]) -> Iterator[Row]:
    yield ("customer_id", "since", "email_sha256", "phone_sha256", "items")
    for member in members:
        emails, phones = (" ".join(member["addresses"].get(kind, ())) for kind in ("email", "phone"))
        yield (member["customer_id"], member["since"], emails, phones, json.encode(member["items"]).decode())


def _of_platform(members: Sequence[Member], form: AdList) -> list[Row]:
    of_members = [_hashes(member, form) for member in members]
    wide = [min(COLUMNS_OF_A_KIND, max(map(len, of_kind), default=0)) for of_kind in zip(*of_members, strict=True)]
    email_columns, phone_columns = wide if any(wide) else (1, 1)
    rows: list[Row] = [(form.email,) * email_columns + (form.phone,) * phone_columns]
    for emails, phones in of_members:
        for some, others in zip_longest(_cut(emails, email_columns), _cut(phones, phone_columns), fillvalue=()):
            rows.append((*_filled(some, email_columns), *_filled(others, phone_columns)))
    return rows


def _hashes(member: Member, form: AdList) -> tuple[Sequence[str], Sequence[str]]:
    return _first(member, form.email_kinds), _first(member, form.phone_kinds)


def _first(member: Member, kinds: Iterable[str]) -> Sequence[str]:
    addresses: dict[str, Sequence[str]] = member["addresses"]
    return next((addresses[kind] for kind in kinds if kind in addresses), ())


def _cut(hashes: Sequence[str], columns: int) -> list[Sequence[str]]:
    return [hashes[start : start + columns] for start in range(0, len(hashes), columns)] if columns else []


def _filled(hashes: Sequence[str], columns: int) -> tuple[str, ...]:
    return (*hashes, *("",) * (columns - len(hashes)))
