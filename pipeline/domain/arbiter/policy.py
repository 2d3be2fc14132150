"""What binds a message whatever its rule is about: caps, quiet hours, channels, holdout, variants."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct, field

RuleClass: TypeAlias = Literal["marketing", "transactional"]


class QuietHours(Struct, frozen=True):
    """From `start_minute` to `end_minute` of the customer's day (minutes since midnight), over midnight if need be."""

    start_minute: int
    end_minute: int


class Cap(Struct, frozen=True):
    """At most so many messages in any `per_ms`, or in a `calendar` day, week (from Monday) or month of the customer's.

    None as `channel` or `rule_class` means all; `rule` is set for a rule's own limit.
    """

    at_most: int
    per_ms: int | None = None
    calendar: Literal["day", "week", "month"] | None = None
    channel: str | None = None
    rule_class: RuleClass | None = None
    rule: str | None = None


class Variant(Struct, frozen=True):
    """A content variant for customers met like this. An empty tuple does not restrict; `hours` are minutes of the day.

    The first variant of a rule that fits is taken; one without any restriction is the default.
    """

    name: str
    devices: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    weather: tuple[str, ...] = ()
    hours: QuietHours | None = None


class Policy(Struct, frozen=True):
    """What holds for all rules of a file.

    `holdout_percent` of all customers get no marketing at all. `time_zone` (IANA) is for customers of whom neither
    zone nor country is known. `late_ms` says by channel how old an event may be when
    it arrives and still have just happened.
    """

    caps: tuple[Cap, ...] = ()
    consent_default: Literal["allow", "deny"] = "allow"
    holdout_percent: float = 0.0
    time_zone: str = "UTC"
    late_ms: dict[str, int] = field(default_factory=dict)
