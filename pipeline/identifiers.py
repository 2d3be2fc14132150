"""How e-mail addresses, phone numbers, their hashes and referral codes are written: equal however they were typed.

`identity.yaml` states the rules under `normalise`. Values of other kinds are taken as they are, without blanks around.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, ValidationResult

from pipeline.domain.event_types import REFERRAL
from pipeline.domain.identity.config import IdentityConfig, unquoted
from pipeline.domain.identity.hashed import HASHED_KINDS, PREFIX, hash_of, is_hashed
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.referral_codes import code_form

COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO 3166 codes whose phone numbers are known."""

HASHES = {f"{kind}_sha256": kind for kind in sorted(HASHED_KINDS)}
"""Kinds that carry the SHA-256 of another kind's value, and link as that one."""

_WRITTEN_KINDS = HASHED_KINDS | HASHES.keys()
"""Kinds whose values are written in one way here."""

PHONES_CACHED = 16_384
"""About 5 MB. Parsing a number takes 20 to 30 µs, looking one up less than 1 µs."""
DOMAINS_CACHED = 1_024
"""Those of nearly all addresses. Most are ASCII and cost nothing; writing one in another script so takes 40 µs."""

KIND = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""What kinds are written with: with a colon, two identifiers could share a key."""

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_DIGEST_LENGTHS = (64, 64 + len(PREFIX))


def identifier_of(kind: str, text: str, country: str | None, config: IdentityConfig) -> tuple[Identifier, str | None]:
    """Return the identifier by which a value links, and why it does not (None if it does).

    `kind` is in small letters, `text` has no blanks around it, `country` is the event's, None if it says none. The
    reasons are those of `IdentityConfig.blocked_reason`, and `blocked_email` (not an address), `blocked_phone` (not a
    possible number), `blocked_phone_country` (a national number of nobody knows which country) and `blocked_hash` (not
    a SHA-256).

    >>> config = IdentityConfig(default_country="DE")
    >>> identifier_of("phone", "0170 1234567", None, config)
    (('phone', '+491701234567'), None)
    >>> identifier_of("phone", "07911 123456", "GB", config)
    (('phone', '+447911123456'), None)
    >>> identifier_of("email", "Anna@BÜCHER.example", None, config)
    (('email', 'anna@xn--bcher-kva.example'), None)
    """
    why = config.blocked_reason(text)
    if kind not in _WRITTEN_KINDS or why == "blocked_length":
        return (kind, code_form(text) if kind == REFERRAL else text), why
    identifier, malformed = _written(kind, text, country, config)
    why = why or malformed
    value = identifier[1]
    if why is None:
        if is_hashed(value):
            why = config.blocked_hash_reason(value)
        elif value != text:
            why = config.blocked_reason(value)
    return identifier, why


def join_hashes(linking: dict[str, str]) -> list[tuple[str, str]]:
    """Make hashes in `linking` link as the kind that is hashed. Return those of another value than its plain one."""
    second = []
    for word, kind in HASHES.items():
        hashed = linking.pop(word, None)
        if hashed is not None and hash_of(linking.setdefault(kind, hashed)) != hashed:
            second.append((word, "blocked_second"))
    return second


def blocked_forms(text: str, config: IdentityConfig) -> frozenset[str]:
    """Return what a value blocked in identity.yaml looks like in events: as it is, as an address, as a number."""
    forms = (_written(kind, text, None, config) for kind in sorted(HASHED_KINDS))
    return frozenset({text.lower(), *(value for (_, value), why in forms if why is None)})


def _written(kind: str, text: str, country: str | None, config: IdentityConfig) -> tuple[Identifier, str | None]:
    text = unquoted(text)
    if kind in HASHES or len(text) in _DIGEST_LENGTHS:
        digest = _DIGEST.fullmatch(text)
        if digest is not None:
            return (HASHES.get(kind, kind), PREFIX + digest[1].lower()), None
        if kind in HASHES:
            return (kind, text), "blocked_hash"
    if kind == "email":
        value, why = _email(text, config.email_plus_tags_dropped, config.email_dots_ignored_at)
    else:
        value, why = _phone(text, (country or "").strip().upper() or config.default_country)
    return (kind, value), why


def _email(text: str, drop_plus_tag: bool, dots_ignored_at: frozenset[str]) -> tuple[str, str | None]:
    """Small letters, no blanks, the domain as the mail system writes it. Accents have one of their two spellings."""
    value = unicodedata.normalize("NFC", "".join(text.split()).lower())
    local, _, domain = value.rpartition("@")
    if not local or not domain:
        return text, "blocked_email"
    domain = ascii_domain(domain)
    if drop_plus_tag:
        local = local.partition("+")[0] or local
    if domain in dots_ignored_at:
        local = local.replace(".", "") or local
    return f"{local}@{domain}", None


@lru_cache(maxsize=DOMAINS_CACHED)
def ascii_domain(domain: str) -> str:
    """Return a domain in small letters as DNS has it (xn--…); one that cannot be written so stays as it is."""
    domain = domain.lower()
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


@lru_cache(maxsize=PHONES_CACHED)
def _phone(text: str, country: str | None) -> tuple[str, str | None]:
    """E.164. Lengths decide, not the blocks in use: those change from month to month."""
    try:
        number = phonenumbers.parse(text, country if country in COUNTRIES else None)
    except NumberParseException as error:
        if error.error_type != NumberParseException.INVALID_COUNTRY_CODE or country in COUNTRIES:
            return text, "blocked_phone"
        return _without_country(text)
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return text, "blocked_phone"
    return _e164(number), None


def _without_country(text: str) -> tuple[str, str | None]:
    """00 leads abroad from most countries, but not from all: so what follows must be a number in use."""
    if text.startswith("+"):
        return text, "blocked_phone"
    if text.startswith("00"):
        try:
            number = phonenumbers.parse(f"+{text[2:]}")
        except NumberParseException:
            return text, "blocked_phone"
        if phonenumbers.is_valid_number(number):
            return _e164(number), None
    return text, "blocked_phone_country"


def _e164(number: phonenumbers.PhoneNumber) -> str:
    """Colleagues behind one switchboard are told apart by their extension."""
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{written};ext={number.extension}" if number.extension else written
