"""How a customer may be reached: channels with an address that may be written to, the best first."""

from __future__ import annotations

from typing import TypeAlias

from pipeline.domain.arbiter.policy import Policy
from pipeline.domain.channels import ADDRESS_KIND
from pipeline.domain.facets.permissions import Permissions
from pipeline.domain.identity.hashed import is_hashed
from pipeline.domain.reasons import DropReason
from pipeline.domain.rules.in_force import Rule
from pipeline.domain.triggers.view import CustomerView

NEAREST = (DropReason.NO_ADDRESS, DropReason.SUPPRESSED, DropReason.NO_CONSENT)
"""Why a channel cannot be used, the later the nearer it came to being used. Of a message that no channel takes, the
nearest reason of any is told."""

Way: TypeAlias = tuple[str | None, str | None]
"""Channel and address; None twice for a rule bound to no channel."""

_NOTHING_SAID = Permissions()


def ways(rule: Rule, customer: CustomerView, policy: Policy) -> tuple[list[Way], DropReason]:
    """Return the ways a message of this rule may go, the best first; and why none, should there be none."""
    permissions = customer.facets.permissions or _NOTHING_SAID
    if not rule.channels:
        return [(None, None)] if _allowed(rule, None, permissions, policy) else [], DropReason.NO_CONSENT
    found: list[Way] = []
    furthest = 0
    for channel in _ranked(rule, customer):
        address = _address(customer, channel, permissions)
        if address is None:
            continue
        if f"{channel}:{address}" in permissions.suppressed:
            furthest = max(furthest, 1)
        elif not _allowed(rule, channel, permissions, policy):
            furthest = 2
        else:
            found.append((channel, address))
    return found, NEAREST[furthest]


def _ranked(rule: Rule, customer: CustomerView) -> tuple[str, ...]:
    responses = customer.facets.responses
    if rule.choose == "order" or responses is None:
        return rule.channels
    return tuple(sorted(rule.channels, key=responses.score, reverse=True))  # equals stay in their order


def _address(customer: CustomerView, channel: str, permissions: Permissions) -> str | None:
    """Return the address seen last, before any that must not be written to: a bounce, too, is seen with its address."""
    links = customer.identifiers.get(ADDRESS_KIND[channel], {})
    seen = [
        (f"{channel}:{value}" not in permissions.suppressed, link.last_at_ms, value)
        for value, link in links.items()
        if link.linked and not is_hashed(value)
    ]
    return max(seen)[2] if seen else None


def _allowed(rule: Rule, channel: str | None, permissions: Permissions, policy: Policy) -> bool:
    """Whether the customer's word allows this: a denial of channel, purpose or both wins over any grant."""
    if rule.rule_class == "transactional":
        return True
    names = (rule.rule_class,) if channel is None else (channel, rule.rule_class, f"{channel}:{rule.rule_class}")
    words = [permissions.word(name) for name in names]
    return False not in words and (policy.consent_default == "allow" or True in words)
