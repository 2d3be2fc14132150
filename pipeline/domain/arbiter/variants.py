"""Which content a message has: the variant for where and how the customer was last met, and the side of an A/B split.

content_variant = "evening"      a variant alone
content_variant = "b"            a split alone; the context has "split": "b"
content_variant = "evening/b"    both
"""

from __future__ import annotations

from pipeline.domain.arbiter.policy import Policy, Variant
from pipeline.domain.facets.situation import Situation
from pipeline.domain.ids import fraction
from pipeline.domain.local_time import minute_of_day, within, zone_of
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.triggers.view import CustomerView

_UNKNOWN = Situation()


def variant_of(rule: Rule, customer: CustomerView, policy: Policy, at_ms: int) -> str | None:
    """Return the first variant that fits, else the one without restrictions, else None."""
    default: str | None = None
    for variant in rule.variants:
        if not any((variant.devices, variant.locales, variant.countries, variant.cities, variant.weather)) and (
            variant.hours is None
        ):
            default = default or variant.name
        elif _fits(variant, customer, policy, at_ms):
            return variant.name
    return default


def split_of(rule: Rule, customer: CustomerView) -> str | None:
    """Return the customer's side of the rule's A/B split: always the same one, whatever holdouts there are."""
    if not rule.split:
        return None
    place = fraction("split", customer.tenant, customer.customer_id, rule.name) * sum(rule.split.values())
    passed = 0
    for name, share in rule.split.items():
        passed += share
        if place < passed:
            return name
    return None


def _fits(variant: Variant, customer: CustomerView, policy: Policy, at_ms: int) -> bool:
    situation = customer.facets.situation or _UNKNOWN
    exact = (
        (variant.devices, "device"),
        (variant.countries, "country"),
        (variant.cities, "city"),
        (variant.weather, "weather"),
    )
    for wanted, name in exact:
        if wanted and (situation.text(name) or "").casefold() not in {each.casefold() for each in wanted}:
            return False
    if variant.locales:
        locale = _locale(situation.text("locale") or "")
        if not any(f"{locale}-".startswith(f"{_locale(prefix)}-") for prefix in variant.locales):
            return False
    zone = policy.time_zone
    return variant.hours is None or within(variant.hours, minute_of_day(at_ms, zone_of(customer, zone)))


def _locale(text: str) -> str:
    return text.replace("_", "-").casefold()
