"""A suggestion, and why it was made, in plain words and as JSON. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs

from pipeline.domain.identity.claims import name_of
from pipeline.suggestions.records import Record

How: TypeAlias = Literal["same", "similar", "different", "unknown"]


class Agreement(Struct, frozen=True):
    """What one field says. `weight` is how many times it doubles the odds; below 0 it halves them."""

    field: str
    left: str
    right: str
    how: How
    weight: float


class Suggestion(Struct, frozen=True):
    """Two customers that may be one, and with what probability (0 to 1)."""

    left: Record
    right: Record
    probability: float
    agreements: tuple[Agreement, ...]


def confirming(suggestion: Suggestion, tenant: str) -> str:
    """Return the command that makes the two one customer."""
    who = [name_of(each.identifier) for each in (suggestion.left, suggestion.right)]
    words = ["omni", "identity", "merge", *who]
    return shlex.join(words if tenant == "default" else [*words, "--tenant", tenant])


def as_json(suggestion: Suggestion, tenant: str) -> dict[str, Any]:
    """Return a suggestion for machines."""
    sides = (suggestion.left, suggestion.right)
    return {
        "probability": suggestion.probability,
        "customer_ids": [side.customer_id for side in sides],
        "identifiers": [name_of(side.identifier) for side in sides],
        "fields": [structs.asdict(agreement) for agreement in suggestion.agreements],
        "confirm": confirming(suggestion, tenant),
    }


def lines(suggestion: Suggestion, tenant: str) -> Iterator[str]:
    """Put a suggestion into words, line by line."""
    left, right = suggestion.left, suggestion.right
    yield f"{suggestion.probability:.1%}  {name_of(left.identifier)} and {name_of(right.identifier)}"
    for each in suggestion.agreements:
        field = each.field.replace("_", " ")
        if each.how == "unknown":
            yield f"  {field}: not known of both, says nothing"
        else:
            values = each.left if each.left == each.right else f"{each.left} / {each.right}"
            yield f"  {field}: {each.how}, speaks {'for' if each.weight > 0 else 'against'} it: {values}"
    yield f"  If they are one: {confirming(suggestion, tenant)}"
