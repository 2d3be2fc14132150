"""`omni customer`: one customer, by id or by any identifier."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import msgspec

from pipeline.cli.arguments import identifier_named
from pipeline.domain.customer_json import customer_json
from pipeline.domain.customer_state import CustomerState, former
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, OmniError
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.wire.json_event import to_object
from pipeline.wire.records import to_json

HELP = "Show one customer: what is known, what waits, and with --timeline why each message was sent or not."
EXAMPLE = """
omni customer account:u-1
omni customer email:anna@example.com --timeline
omni customer "phone:0170 1234567"
omni customer 5d2c7f0e-53c6-5d3b-9c7e-2f6f1c1f3a10 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare who is wanted."""
    parser.add_argument("customer", metavar="ID|KIND:VALUE", help="customer id, or an identifier as account:u-1")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose customer (default: default)")
    parser.add_argument("--timeline", action="store_true", help="add events and decisions in the order of their times")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Look up and print."""
    from pipeline.clients.lookup import customer, customer_id_of

    customer_id: str | None = args.customer
    if ":" in args.customer:
        identifier = identifier_named(args.customer, load_identity(settings.identity_file))
        customer_id = customer_id_of(settings, args.tenant, *identifier)
    state = customer(settings, args.tenant, customer_id) if customer_id is not None else None
    if state is None:
        raise OmniError(
            f"No customer {args.customer} of tenant {args.tenant}. Was an event with it published, and has a "
            "worker handled it? `omni tail events --from-start` shows what came in.",
            NO,
        )
    said: dict[str, Any] = customer_json(state)
    if args.timeline:
        said["timeline"] = _timeline(settings, state)
    encoded = msgspec.json.encode(said, order="sorted")
    sys.stdout.buffer.write((encoded if args.json else msgspec.json.format(encoded, indent=2)) + b"\n")
    return DONE


def _timeline(settings: Settings, state: CustomerState) -> list[dict[str, Any]]:
    """Events and decisions by time, those of before its merges too.

    At the same time the event that caused a decision comes first.
    """
    from pipeline.clients.lookup import decisions_of, events_of

    tenant = state.tenant
    entries: dict[tuple[str, str], tuple[int, int, dict[str, Any]]] = {}
    for customer_id in (state.customer_id, *sorted(former(state))):
        for received_at_ms, event in events_of(settings, tenant, customer_id):
            told = {"what": "event", "received_at": rfc3339(received_at_ms), **to_object(event)}
            entries.setdefault(("event", event.event_id), (event.occurred_at_ms, 0, told))
        for decision in decisions_of(settings, tenant, customer_id):
            told = {"what": "decision", **to_json(decision)}
            entries["decision", decision.decision_id] = (decision.decided_at_ms, 1, told)
    return [told for _, _, told in sorted(entries.values(), key=lambda entry: entry[:2])]
