"""The identity graph around one identifier or customer: as JSON for machines, and in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from pipeline.domain.customer.state import CustomerState
from pipeline.domain.identity.actor import IdentityState
from pipeline.domain.identity.hashed import in_one_form
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Merge
from pipeline.domain.reasons import IdentityReason
from pipeline.domain.records import IdentityChange
from pipeline.domain.time import rfc3339
from pipeline.wire.records import to_json

Said: TypeAlias = dict[str, Any]

WHY = {
    IdentityReason.KIND_LIMIT: "a customer would have had more identifiers of a kind than `limits` allows",
    IdentityReason.MAPPING_CAP: "a customer would have had more identifiers than `mapping_cap` allows",
    IdentityReason.MERGE_CAP: "a customer would have had more merges than `merge_cap` allows",
    IdentityReason.CUSTOMERS_PER_VALUE: "too many customers have claimed the value (`customers_per_value`)",
    IdentityReason.BLOCKED: "the value is blocked",
    IdentityReason.KEPT_APART: "a merge of the two was undone",
    IdentityReason.SHARED_CODE: "both have sent the same referral code, and the first keeps it",
    IdentityReason.EARLIER_LOGIN: "its owner has used the device since",
    IdentityReason.UNKNOWN_IDENTIFIER: "nobody knows the identifier",
    IdentityReason.UNKNOWN_CUSTOMER: "there is no such customer",
    IdentityReason.UNKNOWN_MERGE: "there was no such merge to undo",
    IdentityReason.TOO_OLD: "what is needed to undo the merge is no longer kept",
}
"""Why something was refused."""


def explanation(
    identifier: Identifier, known: IdentityState, customer: CustomerState | None, refusals: Iterable[IdentityChange]
) -> Said:
    """Return whose an identifier is, and everything that made it so. `customer` is None where it is nobody's.

    A hash is named by the value that its customer knows.
    """
    _, ((kind, value),) = in_one_form({} if customer is None else customer.identifiers, (identifier,))
    return {
        "kind": kind,
        "value": value,
        "blocked": known.blocked,
        "customer_id": None if customer is None else customer.customer_id,
        "since": rfc3339(known.since_ms),
        "event_id": known.by,
        "part": known.part,
        "earlier_owners": [
            {"customer_id": owner.customer_id, "part": owner.part, "since": rfc3339(owner.since_ms)}
            for owner in known.past
        ],
        "identifiers": [] if customer is None else list(_identifiers(customer)),
        "merges": [] if customer is None else merges(customer),
        "refusals": [to_json(refused) for refused in refusals],
    }


def merges(customer: CustomerState) -> list[Said]:
    """Return the merges that made a customer, oldest first."""
    return [merge_json(merge) for merge in customer.graph.merges] if customer.graph is not None else []


def merge_json(merge: Merge) -> Said:
    """Return one merge: `customer_id` became part of `into`."""
    kind, value = merge.identifier
    return {
        "merge_id": merge.merge_id,
        "customer_id": merge.loser,
        "into": merge.winner,
        "kind": kind,
        "value": value,
        "event_id": merge.event_id,
        "occurred_at": rfc3339(merge.occurred_at_ms),
    }


def _identifiers(customer: CustomerState) -> Iterator[Said]:
    for kind, links in sorted(customer.identifiers.items()):
        for value, link in sorted(links.items()):
            if link.linked:
                yield {
                    "kind": kind,
                    "value": value,
                    "event_id": link.by,
                    "part": link.part or customer.customer_id,
                    "last_seen_at": rfc3339(link.last_at_ms),
                }


def explained(said: Said) -> Iterator[str]:
    """Put an explanation into words, line by line."""
    name, owner = f"{said['kind']}:{said['value']}", said["customer_id"]
    if owner is None:
        yield f"{name} belongs to nobody."
    else:
        yield f"{name} belongs to customer {owner} since {said['since']} (event {said['event_id']})."
        if said["part"] != owner:
            yield f"It came with {said['part']}, which is part of that customer now."
    if said["blocked"]:
        yield "It is blocked: it links nothing any more."
    if said["earlier_owners"]:
        yield "Before that it belonged to:"
        yield from (f"  {owner['customer_id']} since {owner['since']}" for owner in said["earlier_owners"])
    if said["identifiers"]:
        yield "Identifiers of the customer:"
        for each in said["identifiers"]:
            part = "" if each["part"] == owner else f", came with {each['part']}"
            seen = f"first on event {each['event_id']}, last seen {each['last_seen_at']}"
            yield f"  {each['kind']}:{each['value']}  {seen}{part}"
    if said["merges"]:
        yield "Merges that made the customer:"
        yield from (f"  {merge_line(merge)}" for merge in said["merges"])
    if said["refusals"]:
        yield "Refused:"
        yield from (f"  {refusal_line(refused)}" for refused in said["refusals"])


def merge_line(merge: Said) -> str:
    """Return one merge as a line."""
    joined = f"{merge['customer_id']} became part of {merge['into']}"
    cause = f"seen together by {merge['kind']}:{merge['value']} on event {merge['event_id']}"
    return f"{merge['occurred_at']}  {joined}, {cause} ({merge['merge_id']})"


def refusal_line(refused: Said) -> str:
    """Return one refusal as a line: what was not joined with whom, and why."""
    other = refused["other_customer_id"]
    whom = f"{refused['customer_id']} was not joined with {other}" if other else f"{refused['customer_id']} got no"
    cause = f"by {refused['kind']}:{refused['value']}" if other else f"{refused['kind']}:{refused['value']}"
    return f"{refused['occurred_at']}  {whom} {cause} (event {refused['caused_by']}): {why(refused['reason'])}"


def why(reason: str) -> str:
    """Return a reason of the closed list with what it means; one that a newer version wrote as it is."""
    meaning = WHY.get(IdentityReason(reason)) if reason in IdentityReason.__members__.values() else None
    return f"{reason}, {meaning}" if meaning else reason
