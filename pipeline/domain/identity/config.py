"""What the identity rules say (`identity.yaml`): which identifier is strongest, and which values identify nobody.

>>> config = IdentityConfig(blocked_values=frozenset({"kiosk"}))
>>> config.strongest_first({"cookie": "c-9", "account": "u-1"})
(('account', 'u-1'), ('cookie', 'c-9'))
>>> [config.blocked_reason(value) for value in ("NULL", "Kiosk", "00-00", "u-1")]
['blocked_builtin', 'blocked_value', 'blocked_zeros', None]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct, field

from pipeline.domain.event_types import REFERRAL
from pipeline.domain.identity.hashed import hash_of
from pipeline.domain.messages.keys import Identifier

DEFAULT_ORDER = ("account", "loyalty", "email", "phone", "payment_token", "device", "voice_profile", "social", "cookie")
"""Identifier kinds, strongest first; any other kind ranks behind them, by name."""

MAX_MAPPING_CAP = 10_000
"""A customer's state is written whole after its events: with 10,000 identifiers these are 500 kB and 0.3 ms each time
(35 µs with 1,000). Were every value as long as it may be, 11 MB, of the 15 MiB that a record may have."""

MAX_VALUE_CHARACTERS = 1_024
"""A longer value is no identifier but a bug of the sender (a whole document, a token dump)."""

BUILTIN_BLOCKED = frozenset(
    {
        "null", "none", "nil", "nan", "n/a", "na", "undefined", "(null)", "(none)", "(not set)", "not set", "unset",
        "anonymous", "anon", "guest", "unknown", "missing", "invalid", "true", "false", "[object object]", "{}", "[]",
        "9774d56d682e549c",  # the device id that one Android release gave to every phone
    }
)  # fmt: skip
"""Values that trackers send when they know nobody; compared without case, surrounding blanks and quotes."""

_QUOTES = frozenset("\"'`")
_ZEROS = re.compile(r"[0\-\s]*")


def unquoted(text: str) -> str:
    r"""Return `text` without blanks around it, nor the quotes in which exports put their columns.

    >>> unquoted(" '\"null\"' ")
    'null'
    """
    text = text.strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return text


class IdentityConfig(Struct, frozen=True):
    """The identity rules in force.

    `limits` is identifiers of a kind per customer and `default_limit` that of all other kinds but referral codes,
    `mapping_cap` those of all kinds together: both hold when an identifier is claimed and when two customers would
    become one. `merge_cap` is the merges that may make one customer, `customers_per_value` the customers one value may
    be seen on before it stops linking. None means no limit.
    `blocked_values` are lower case, addresses and numbers among them as events link by them. `default_country`
    (ISO 3166) completes phone numbers without a country code where the event says none. `email_plus_tags_dropped` and
    `email_dots_ignored_at` (domains) say which addresses are the same (`pipeline/identifiers.py`).
    """

    version: str = "built-in"
    order: tuple[str, ...] = DEFAULT_ORDER
    limits: Mapping[str, int | None] = field(default_factory=lambda: {"account": 1})
    default_limit: int | None = 5
    customers_per_value: int | None = 10
    merge_cap: int | None = 100
    mapping_cap: int = 1_000
    blocked_values: frozenset[str] = frozenset()
    blocked_patterns: tuple[str, ...] = ()
    default_country: str | None = None
    email_plus_tags_dropped: bool = False
    email_dots_ignored_at: frozenset[str] = frozenset()

    def strongest_first(self, identifiers: Mapping[str, str]) -> tuple[Identifier, ...]:
        """Return (kind, value) pairs by rank, the first being the anchor. Kinds not in `order` come last, by name."""
        if len(identifiers) == 1:
            return tuple(identifiers.items())
        order = self.order
        ranked = [(kind, identifiers[kind]) for kind in order if kind in identifiers]
        if len(ranked) < len(identifiers):
            ranked += sorted(pair for pair in identifiers.items() if pair[0] not in order)
        return tuple(ranked)

    def rank(self, kind: str) -> int:
        """Return how strong a kind is, 0 the strongest; kinds not in `order` share the last rank."""
        return self.order.index(kind) if kind in self.order else len(self.order)

    def limit_of(self, kind: str) -> int | None:
        """Return how many identifiers of `kind` a customer may have, None for any number."""
        if kind == REFERRAL:  # a shop may give a code of its own for each friend
            return self.limits.get(kind)
        return self.limits.get(kind, self.default_limit)

    def blocked_reason(self, value: str) -> str | None:
        """Return why `value` must not link anybody, or None if it may.

        The reasons: `blocked_length`, `blocked_zeros` (nothing but zeros, dashes and blanks), `blocked_builtin`,
        `blocked_value` and `blocked_pattern` (both from identity.yaml).
        """
        if len(value) > MAX_VALUE_CHARACTERS:
            return "blocked_length"
        bare = unquoted(value)
        lowered = bare.lower()
        if not lowered or (lowered[0] in "0-" and _ZEROS.fullmatch(lowered)):
            return "blocked_zeros"
        if lowered in BUILTIN_BLOCKED:
            return "blocked_builtin"
        if lowered in self.blocked_values:
            return "blocked_value"
        for pattern in _compiled(self.blocked_patterns) if self.blocked_patterns else ():
            if pattern.search(value) or pattern.search(bare):
                return "blocked_pattern"
        return None

    def blocked_hash_reason(self, hashed: str) -> str | None:
        """Return why the hash of a value must not link anybody, or None: the same reasons, where the value is known."""
        if hashed in _HASHES_OF_NOBODY:
            return "blocked_builtin"
        return "blocked_value" if hashed in _hashes(self.blocked_values) else None


_HASHES_OF_NOBODY = frozenset(map(hash_of, ("", *BUILTIN_BLOCKED)))
"""Trackers hash what they send, be it nothing."""


@lru_cache(maxsize=8)
def _hashes(values: frozenset[str]) -> frozenset[str]:
    return frozenset(map(hash_of, values))


@lru_cache(maxsize=8)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)
