"""What a rules file may say, as structs (see `struct_types.py` for how fields are written).

The reader, the JSON Schema and the documentation are all made from these, the `Config` of every rule kind and the
vocabulary of conditions.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct, field

from pipeline.domain.arbiter.policy import QuietHours, RuleClass
from pipeline.domain.conditions import CONDITIONS
from pipeline.domain.conditions.facts import Channel
from pipeline.domain.conditions.word import Word
from pipeline.domain.customer.state import SENT_KEPT
from pipeline.domain.rules.in_force import DEFAULT_PRIORITY
from pipeline.domain.time import DAY_MS, duration_written, parse_duration
from pipeline.domain.triggers.kind import Config
from pipeline.domain.triggers.steps import OfferPolicy
from pipeline.domain.triggers.view import Condition
from pipeline.struct_types import Form

MOST_CAPPED = SENT_KEPT - 4
"""The state remembers so many messages of a customer; a few more than a cap counts, for those told late."""

MOST_LATE_MS = 30 * DAY_MS
"""What is older has not just happened, whoever told it (B23)."""

HIGHEST_PRIORITY = 1_000


class Period(Struct, frozen=True):
    """The window of a cap: any stretch of that length, or a day, week or month of the customer's calendar."""

    length_ms: int | None = None
    calendar: Literal["day", "week", "month"] | None = None


Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern="[A-Za-z0-9_-]{1,100}",
        description="its triggers go to the topic triggers.<name>",
        extra={"remedy": "Use up to 100 letters, digits, _ and -: it becomes part of a topic's name."},
    ),
]
Percent: TypeAlias = Annotated[float, Meta(ge=0, le=100)]
OneOrMore: TypeAlias = str | tuple[str, ...]
Count: TypeAlias = Annotated[
    int,
    Meta(
        ge=1,
        le=MOST_CAPPED,
        description=f"so many messages; no more than {MOST_CAPPED}, for a customer's latest {SENT_KEPT} are remembered",
    ),
]
Per: TypeAlias = Annotated[Period, Meta(description="any stretch of that length (24h), or a calendar day, week, month")]


class CapEntry(Struct, frozen=True, kw_only=True):
    """At most so many messages, of all rules together, to one customer. Left out: every channel, every class."""

    channel: Channel | None = None
    class_: RuleClass | None = None
    at_most: Count
    per: Per


class Lateness(Struct, frozen=True, kw_only=True):
    """Events of this channel start something while they are told no later than `up_to` after they happened."""

    channel: Annotated[str, Meta(description="of the event: pos, app …")]
    up_to_ms: Annotated[int, Meta(ge=1, le=MOST_LATE_MS, description="left out for a channel: 7d")]


class Limit(Struct, frozen=True, kw_only=True):
    """At most so many messages of this rule to one customer."""

    count: Count
    per: Per


class Holdout(Struct, frozen=True):
    """So many percent of customers, always the same ones, get nothing: they show what messages are worth."""

    percent: Percent


class ConsentRule(Struct, frozen=True):
    """Whether customers who never said anything may be written to."""

    default: Literal["allow", "deny"] = "allow"


class VariantEntry(Struct, frozen=True):
    """Content for customers met like this. The first variant that fits is taken; the last one has a name alone."""

    name: Annotated[str, Meta(description="the trigger's content_variant")]
    device: OneOrMore = ()
    locale: OneOrMore = ()
    country: OneOrMore = ()
    city: OneOrMore = ()
    weather: OneOrMore = ()
    hours: QuietHours | None = None

    @property
    def is_default(self) -> bool:
        """Whether it fits everybody."""
        return self == VariantEntry(self.name)


class Settings(Struct, frozen=True, kw_only=True):
    """What every rule may say, and the defaults for those that do not."""

    class_: Annotated[
        RuleClass, Meta(description="marketing, or transactional: about something the customer ordered")
    ] = "marketing"
    priority: Annotated[
        int,
        Meta(ge=0, le=HIGHEST_PRIORITY, description="of two messages at the same moment, the higher goes first"),
    ] = DEFAULT_PRIORITY
    channels: Annotated[
        tuple[Channel, ...],
        Meta(description="by which it may be sent; left out: bound to none, whoever reads the topic decides"),
    ] = ()
    choose: Annotated[
        Literal["order", "response"],
        Meta(description="order: the first channel with an address; response: the one this customer responds to best"),
    ] = "order"
    cooldown_ms: Annotated[
        int | None, Meta(description="after a message of this rule, none for so long; none: no such limit")
    ] = None
    expires_after_ms: Annotated[
        int | None, Meta(description="what could not go out for so long is not sent at all; none: never expires")
    ] = None
    when_capped: Annotated[
        Literal["drop", "defer"], Meta(description="what is over a cap is dropped, or waits until there is room")
    ] = "drop"
    quiet_hours: Annotated[
        QuietHours | None,
        Meta(
            description="held in these hours of the customer's day, and looked at again after; none: never held. "
            "Among the defaults: for rules of class marketing alone"
        ),
    ] = None


class RuleEntry(Settings, frozen=True, kw_only=True):
    """One rule, beside the parameters of its kind."""

    name: Name
    kind: Annotated[str, Meta(description="what it does")]
    when: Annotated[Condition | None, Meta(description="what must hold for the message to go out")] = None
    at_most: Annotated[
        Limit | tuple[Limit, ...],
        Meta(description="at most so many of this rule to one customer; several hold together"),
    ] = ()
    offer: Annotated[OfferPolicy | None, Meta(description="a code of their own for each customer")] = None
    variants: Annotated[
        tuple[VariantEntry, ...], Meta(description="contents by device, language, place, weather and hour")
    ] = ()
    split: Annotated[
        dict[str, Annotated[int, Meta(ge=0, le=100)]],
        Meta(description="an A/B split: names and shares, 100 together; a customer stays in a share"),
    ] = field(default_factory=dict)
    holdout: Annotated[
        Holdout | None, Meta(description="so many percent of customers do not get this rule, to measure it")
    ] = None
    during_case: Annotated[bool, Meta(description="true: sent even while the customer has an open support case")] = (
        False
    )


class Entry(Struct, frozen=True):
    """One entry of the list of rules: what it says, and the parameters of its kind."""

    rule: RuleEntry
    config: Config


class AudienceEntry(Struct, frozen=True, kw_only=True):
    """An audience: who enters and who leaves it is told on the topic audiences. A denial of ads or marketing leaves."""

    name: Annotated[
        str,
        Meta(
            pattern="[A-Za-z0-9_-]{1,100}",
            description="its name on the topic audiences",
            extra={"remedy": "Use up to 100 letters, digits, _ and -: it becomes part of a key."},
        ),
    ]
    condition: Annotated[Condition, Meta(description="who belongs to it")]
    for_at_least_ms: Annotated[int, Meta(ge=0, description="how long it must have held; left out: at once")] = 0


class Sheet(Struct, frozen=True, kw_only=True):
    """A rules file."""

    version: Annotated[str, Meta(description="travels with every trigger and decision")] = ""
    defaults: Annotated[Settings, Meta(description="hold for every rule that does not say otherwise")] = Settings()
    caps: Annotated[tuple[CapEntry, ...], Meta(description="bind all rules together")] = ()
    consent: ConsentRule = ConsentRule()
    holdout: Annotated[Holdout, Meta(description="gets no marketing at all")] = Holdout(0.0)
    time_zone: Annotated[
        str, Meta(description="IANA name; for customers of whom neither zone nor country is known")
    ] = "UTC"
    late: Annotated[
        tuple[Lateness, ...],
        Meta(description="how late the events of a channel may be told and still start something: a store at night"),
    ] = ()
    audiences: Annotated[
        tuple[AudienceEntry, ...], Meta(description="groups of customers for ad platforms and sites")
    ] = ()
    rules: Annotated[tuple[Entry, ...], Meta(description="a list of them, [] for none")]


_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_CALENDAR: Final = ("day", "week", "month")


def _read_hours(text: str) -> QuietHours:
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} are no hours: write from and to, as in "22:00-08:00"')
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if start == end:
        raise ValueError(f"{text!r} begins when it ends: write none for no such hours")
    return QuietHours(start, end)


def _hours_written(hours: QuietHours) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (hours.start_minute, hours.end_minute))


def _read_period(text: str) -> Period:
    for calendar in _CALENDAR:
        if text == calendar:
            return Period(calendar=calendar)
    try:
        length_ms = parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is no period: write a duration like 24h, or day, week or month") from None
    if length_ms == 0:
        raise ValueError("a duration of nothing: write one from 1s on")
    return Period(length_ms)


def _period_written(period: Period) -> str:
    return period.calendar or duration_written(period.length_ms or 0)


FORMS: Final[dict[type, Form]] = {
    QuietHours: Form(_read_hours, _hours_written, f"^{_HOURS.pattern}$"),
    Period: Form(_read_period, _period_written, f"^([0-9]{{1,9}}[smhd]|{'|'.join(_CALENDAR)})$"),
}
"""Types that are written as text."""

UNIONS: Final[dict[type, tuple[type[Struct], ...]]] = {Condition: CONDITIONS, Word: CONDITIONS}
"""Types that stand for one of several structs."""
