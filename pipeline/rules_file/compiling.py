"""Makes `Rules`, as the arbiter asks them, of what a rules file says."""

from __future__ import annotations

from pipeline.domain.arbiter.policy import Cap, Policy, Variant
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.rules_file.model import CapEntry, Entry, Limit, OneOrMore, Sheet, VariantEntry


def compiled(sheet: Sheet, number: int = 0) -> Rules:
    """Return the rules of a file, as the version of this number."""
    policy = Policy(
        caps=tuple(_cap(cap) for cap in sheet.caps),
        consent_default=sheet.consent.default,
        holdout_percent=sheet.holdout.percent,
        time_zone=sheet.time_zone,
        late_ms={late.channel: late.up_to_ms for late in sheet.late},
    )
    audiences = [Audience(each.name, each.condition, each.for_at_least_ms) for each in sheet.audiences]
    return Rules(sheet.version, [_rule(entry) for entry in sheet.rules], policy, audiences, number)


def _rule(entry: Entry) -> Rule:
    rule = entry.rule
    return Rule(
        name=rule.name,
        kind=rule.kind,
        config=entry.config,
        priority=rule.priority,
        rule_class=rule.class_,
        channels=rule.channels,
        cooldown_ms=rule.cooldown_ms,
        expires_after_ms=rule.expires_after_ms,
        offer=rule.offer,
        choose=rule.choose,
        at_most=tuple(_own_cap(rule.name, limit) for limit in limits(rule.at_most)),
        when_capped=rule.when_capped,
        quiet_hours=rule.quiet_hours,
        holdout_percent=rule.holdout.percent if rule.holdout else 0.0,
        variants=tuple(_variant(variant) for variant in rule.variants),
        split=rule.split,
        when=rule.when,
        during_case=rule.during_case,
    )


def limits(at_most: Limit | tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return a rule's own caps, however they are written."""
    return at_most if isinstance(at_most, tuple) else (at_most,)


def _cap(cap: CapEntry) -> Cap:
    return Cap(cap.at_most, cap.per.length_ms, cap.per.calendar, cap.channel, cap.class_)


def _own_cap(rule: str, limit: Limit) -> Cap:
    return Cap(limit.count, limit.per.length_ms, limit.per.calendar, rule=rule)


def _variant(variant: VariantEntry) -> Variant:
    return Variant(
        name=variant.name,
        devices=_words(variant.device),
        locales=_words(variant.locale),
        countries=_words(variant.country),
        cities=_words(variant.city),
        weather=_words(variant.weather),
        hours=variant.hours,
    )


def _words(words: OneOrMore) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else words
