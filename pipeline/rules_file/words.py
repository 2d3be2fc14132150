"""A rules file for people: as it is in force, a rule in plain words, the table of conditions, and advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Any, Literal, get_args, get_origin

from pipeline.domain.conditions import CONDITIONS
from pipeline.domain.conditions.products import shows_in
from pipeline.domain.conditions.word import any_of_text
from pipeline.domain.customer.state import SENT_KEPT
from pipeline.domain.event_types import EVENT_TYPES
from pipeline.domain.time import duration_text
from pipeline.domain.triggers import RULES
from pipeline.rules_file.compiling import limits
from pipeline.rules_file.model import FORMS, AudienceEntry, CapEntry, Entry, Period, Sheet
from pipeline.struct_types import parameters, written
from pipeline.yaml_nodes import nearest


def in_force(sheet: Sheet) -> dict[str, Any]:
    """Return the file as it could have been written without defaults: every rule says all that holds for it."""
    head = {key: value for key, value in written(sheet, FORMS).items() if key not in ("defaults", "rules")}
    return head | {"rules": [rule_in_force(entry) for entry in sheet.rules]}


def rule_in_force(entry: Entry) -> dict[str, Any]:
    """Return one rule as it could have been written without defaults."""
    rule: dict[str, Any] = written(entry.rule, FORMS)
    first: dict[str, Any] = {"name": rule.pop("name"), "kind": rule.pop("kind")}
    return first | kind_parameters(entry) | rule


def kind_parameters(entry: Entry) -> dict[str, Any]:
    """Return the parameters of a rule's kind, as they are written."""
    found: dict[str, Any] = written(entry.config, FORMS)
    return found


def purpose(entry: Entry) -> str:
    """Return what the kind of a rule does."""
    return " ".join(cleandoc(RULES[entry.rule.kind].__doc__ or "").split())


def sentences(entry: Entry, sheet: Sheet) -> Iterator[str]:
    """Say what binds a rule, one sentence each."""
    rule = entry.rule
    if rule.when is not None:
        yield f"Only if {rule.when.text}."
    yield _channels(entry)
    if rule.class_ == "marketing":
        never_said = "yes" if sheet.consent.default == "allow" else "no"
        yield f"Needs consent to marketing; a customer who never said anything counts as a {never_said}."
        yield (
            "Sent even while the customer has an open support case."
            if rule.during_case
            else "Not sent while the customer has an open support case."
        )
    else:
        yield "About something the customer ordered: needs no consent to marketing."
    yield f"Of several messages at the same moment, those of a priority above {rule.priority} go first."
    if rule.cooldown_ms is not None:
        yield f"After one, none of this rule for {duration_text(rule.cooldown_ms)}."
    for limit in limits(rule.at_most):
        yield f"At most {limit.count} of this rule {_period(limit.per)}."
    for cap in binding(sheet.caps, entry):
        yield f"Together with other rules: {cap_text(cap)}."
    if limits(rule.at_most) or binding(sheet.caps, entry):
        over = "waits until there is room" if rule.when_capped == "defer" else "is dropped"
        yield f"What is over such a limit {over}."
    if rule.quiet_hours is not None:
        start, _, end = FORMS[type(rule.quiet_hours)].written(rule.quiet_hours).partition("-")
        yield f"Held from {start} to {end} of the customer's day, and looked at again at {end}."
    if rule.expires_after_ms is not None:
        yield f"Not sent at all if it could not go out for {duration_text(rule.expires_after_ms)}."
    if rule.offer is not None:
        percent = f" {rule.offer.percent} % off" if rule.offer.percent is not None else ""
        valid = f", valid for {duration_text(rule.offer.valid_for_ms)}" if rule.offer.valid_for_ms is not None else ""
        yield f"Offers{percent or ' something'} with a code that begins with {rule.offer.code_prefix}{valid}."
    if rule.variants:
        yield f"Content is {any_of_text(variant.name for variant in rule.variants)}: the first that fits the customer."
    if rule.split:
        shares = ", ".join(f"{share} % {name}" for name, share in rule.split.items())
        yield f"Split by customer: {shares}."
    if rule.class_ == "marketing" and sheet.holdout.percent:
        yield f"{sheet.holdout.percent:g} % of customers get no marketing at all, to measure what it is worth."
    if rule.class_ == "marketing" and rule.holdout is not None and rule.holdout.percent:
        yield f"{rule.holdout.percent:g} % of customers do not get it, to measure what it is worth."


def audience_sentences(audience: AudienceEntry, sheet: Sheet) -> Iterator[str]:
    """Say who belongs to an audience, one sentence each."""
    lasting = f", and has been so for {duration_text(audience.for_at_least_ms)}" if audience.for_at_least_ms else ""
    yield f"A customer belongs to it if {audience.condition.text}{lasting}."
    yield "Whoever denied ads or marketing does not, and leaves at once."
    if sheet.consent.default == "deny":
        yield "Nor does whoever never said yes to either."
    if any(shows_in(audience.condition)):
        yield "Members are told with the products to show, and again when these change."
    yield "Who enters and who leaves is told on the topic audiences; nothing is sent to anybody."


def cap_text(cap: CapEntry) -> str:
    """Return a cap in words."""
    what = " ".join(filter(None, (cap.class_, cap.channel)))
    noun = "message" if cap.at_most == 1 else "messages"
    return " ".join(filter(None, ("at most", str(cap.at_most), what, noun, _period(cap.per))))


def binding(caps: Iterable[CapEntry], entry: Entry) -> list[CapEntry]:
    """Return the caps that may bind a rule."""
    rule = entry.rule
    return [cap for cap in caps if cap.channel in (None, *rule.channels) and cap.class_ in (None, rule.class_)]


def advice(sheet: Sheet) -> Iterator[str]:
    """Say what is not wrong, but hardly meant."""
    for cap in sheet.caps:
        if not any(binding([cap], entry) for entry in sheet.rules):
            yield f"caps: no rule can reach the cap of {cap_text(cap)}: none has this channel and class."
    counted = sum(cap.at_most for cap in sheet.caps)
    counted += sum(limit.count for entry in sheet.rules for limit in limits(entry.rule.at_most))
    if counted > SENT_KEPT:
        yield (
            f"caps and at_most count up to {counted} messages of a customer together, and the latest {SENT_KEPT} are "
            "remembered: who gets that many may get one too many. Lower them."
        )
    known = EVENT_TYPES.keys()
    for entry in sheet.rules:
        rule = entry.rule
        if rule.choose == "response" and len(rule.channels) < 2:
            yield f"{rule.name}: choose: response has no choice. Give it two channels or more."
        is_capped = bool(limits(rule.at_most) or binding(sheet.caps, entry))
        if rule.when_capped == "defer" and is_capped and rule.expires_after_ms is None:
            yield f"{rule.name}: what is deferred may wait for ever. Give it expires_after."
        if rule.class_ != "marketing" and rule.holdout is not None and rule.holdout.percent:
            yield f"{rule.name}: holdout says nothing: what a customer ordered goes to all."
        elif rule.holdout is not None and rule.holdout.percent == 100:
            yield f"{rule.name}: holdout: {{percent: 100}}: nobody gets it."
        if rule.during_case and rule.class_ != "marketing":
            yield f"{rule.name}: during_case says nothing: an open case holds back marketing alone."
        for event_type in sorted((RULES[rule.kind](rule.name, entry.config).events or frozenset()) - known):
            near = nearest(event_type, tuple(known))
            meant = f" {near}" if near.startswith("Did") else ""
            yield f"{rule.name}: omni knows no event type {event_type}.{meant} Right if a producer of yours sends it."
    if sheet.holdout.percent == 100:
        yield "holdout: {percent: 100}: nobody gets any marketing."


def conditions_table() -> str:
    """Return the vocabulary of conditions as a Markdown table."""
    rows = []
    for each in CONDITIONS:
        says = " ".join(cleandoc(each.__doc__ or "").split())
        first, *others = parameters(each).values()
        words = get_args(first.type) if get_origin(first.type) is Literal else ()
        one_of = f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""
        also = ", ".join(f"`{other.key}`" for other in others)
        rows.append(f"| `{each.EXAMPLE}` | {also} | {says}{one_of} |")
    return "\n".join(["| written | may say | holds if |", "|---|---|---|", *rows])


def kinds_table() -> str:
    """Return the kinds of rules, those from outside included, as a Markdown table."""
    rows = []
    for name, kind in sorted(RULES.items()):
        keys = ", ".join(f"`{key}`" for key in parameters(kind.config_type))
        rows.append(f"| `{name}` | {keys} | {' '.join(cleandoc(kind.__doc__ or '').split())} |")
    return "\n".join(["| kind | its own keys | does |", "|---|---|---|", *rows])


def _channels(entry: Entry) -> str:
    rule = entry.rule
    if not rule.channels:
        return f"Bound to no channel: whoever reads triggers.{rule.name} decides how it is sent."
    if rule.choose == "response" and len(rule.channels) > 1:
        return f"Goes out by {any_of_text(rule.channels)}: the one this customer responds to best."
    first, *others = rule.channels
    otherwise = "".join(f", else by {channel}" for channel in others)
    return f"Goes out by {first}{otherwise}; to nobody without an address for it."


def _period(per: Period) -> str:
    return f"in any {duration_text(per.length_ms)}" if per.length_ms is not None else f"per calendar {per.calendar}"
