"""`omni identity explain|merges|unmerge|block`: why an identifier is whose it is, and what an operator may change."""

from __future__ import annotations

import argparse
import sys
import time
from uuid import uuid4

import msgspec

from pipeline.cli.arguments import identifier_named, within
from pipeline.cli.identity_words import Said, explained, explanation, merge_json, merge_line, merges, why
from pipeline.domain.customer_state import CustomerState, former
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import IDENTIFIER_BLOCKED, MERGE_UNDONE
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity import IdentityState
from pipeline.domain.identity_graph import EMPTY, merge_to_undo
from pipeline.domain.messages import Identifier
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.wire.normalise import Normalised, normalise
from pipeline.wire.records import to_json

HELP = """Explain why an identifier belongs to its customer; list the merges that made a customer; undo one; block a
value, so that it links nothing from now on. What changes something is an event that a worker handles: unmerge and
block wait for its answer, and exit with 1 where it is no, or where none comes in time."""
EXAMPLE = """
omni identity explain cookie:c-9
omni identity merges account:u-1 --json
omni identity unmerge phone:+491701234567
omni identity block phone:+494012345
"""

OPERATOR = "operator"
"""Channel of an operator's events where it is one of the configured; else it is the first of these."""
ANSWER_SECONDS = 30.0
"""A worker answers within a second; one that has just started, or is behind, takes longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, and whom it is about."""
    parser.add_argument("action", choices=["explain", "merges", "unmerge", "block"], help="see above")
    parser.add_argument("who", metavar="KIND:VALUE", help="an identifier, as account:u-1; for merges a customer id too")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose customer (default: default)")
    parser.add_argument("--merge", metavar="ID", help="unmerge: the merge (default: what brought the identifier in)")
    parser.add_argument(
        "--timeout",
        type=within(float, 0.0, 86_400.0),
        default=ANSWER_SECONDS,
        metavar="SECONDS",
        help=f"unmerge, block: how long to wait for the answer (default: {ANSWER_SECONDS:.0f})",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.merge and args.action != "unmerge":
        raise OmniError("--merge goes with unmerge.", USAGE)
    identifier = identifier_named(args.who, load_identity(settings.identity_file)) if ":" in args.who else None
    if args.action == "merges":
        return _merges(args, settings, identifier)
    if identifier is None:
        raise OmniError(f"{args.action} needs an identifier, KIND:VALUE, as account:u-1.", USAGE)
    action = {"explain": _explain, "unmerge": _unmerge, "block": _block}[args.action]
    return action(args, settings, identifier)


def _explain(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    from pipeline.clients.lookup import refusals_of

    known, customer = _look_up(args, settings, identifier)
    if known is None:
        raise _unknown(args)
    ids = {customer.customer_id, *former(customer)} if customer is not None else set()
    said = explanation(identifier, known, customer, refusals_of(settings, args.tenant, identifier, ids))
    return _print(args, said, *explained(said))


def _merges(args: argparse.Namespace, settings: Settings, identifier: Identifier | None) -> int:
    from pipeline.clients.lookup import customer as by_id

    found = by_id(settings, args.tenant, args.who) if identifier is None else _look_up(args, settings, identifier)[1]
    if found is None:
        raise _unknown(args)
    told = merges(found)
    lines = map(merge_line, told) if told else [f"Customer {found.customer_id} was not merged with any other."]
    return _print(args, {"customer_id": found.customer_id, "merges": told}, *lines)


def _unmerge(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    known, customer = _look_up(args, settings, identifier)
    if known is None or customer is None:
        raise _unknown(args)
    if known.blocked:
        raise OmniError(f"{args.who} is blocked and leads to nobody. Name another identifier of the customer.", NO)
    merge = merge_to_undo(customer.graph or EMPTY, customer.identifiers, args.merge or "", identifier)
    if merge is None:
        missing = f"it was not made by a merge {args.merge}" if args.merge else "no merge brought this identifier in"
        raise OmniError(
            f"There is nothing to undo: {args.who} is of customer {customer.customer_id}, and {missing}. "
            f"omni identity merges {args.who} lists those that made it; --merge ID names one.",
            NO,
        )
    told = {"merge": merge_json(merge)}
    done = f"Undone: {merge.loser} is a customer of its own again, apart from {customer.customer_id}."
    return _ask(args, settings, MERGE_UNDONE, identifier, {"merge_id": merge.merge_id}, told, done)


def _block(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    known, _ = _look_up(args, settings, identifier)
    if known is not None and known.blocked:
        return _print(args, {"event_id": None, "answer": None}, f"{args.who} is blocked already.")
    done = f"Blocked: {args.who} links nothing from now on. What it has linked stays; see omni identity unmerge."
    return _ask(args, settings, IDENTIFIER_BLOCKED, identifier, {}, {}, done)


def _ask(
    args: argparse.Namespace,
    settings: Settings,
    event_type: str,
    identifier: Identifier,
    properties: dict[str, str],
    told: Said,
    done: str,
) -> int:
    """Publish an operator's event, wait for the answer, and print both."""
    from pipeline.clients.operator import ask

    asked = _event(args, settings, event_type, identifier, properties)
    event_id = asked.event.event_id
    answer = ask(settings, asked, args.timeout)
    said = {**told, "event_id": event_id, "answer": None if answer is None else to_json(answer)}
    if answer is None:
        late = f"Published as event {event_id}, but not answered within {args.timeout:g} s. Is a worker running?"
        print(f"{late} When one is, omni identity explain {args.who} tells.", file=sys.stderr)
        _print(args, said)
        return NO
    if answer.change == "refused":
        _print(args, said, f"Refused: {why(answer.reason)} (event {event_id}).")
        return NO
    return _print(args, said, done)


def _event(
    args: argparse.Namespace, settings: Settings, event_type: str, identifier: Identifier, properties: dict[str, str]
) -> Normalised:
    """Return the event as a worker will see it."""
    channel = OPERATOR if OPERATOR in settings.channels else settings.channels[0]
    event = ChannelEvent(
        f"operator-{uuid4()}",
        event_type,
        channel,
        time.time_ns() // 1_000_000,
        dict([identifier]),
        tenant=args.tenant,
        properties=dict(properties),
    )
    try:
        asked = normalise(event, load_identity(settings.identity_file))
    except InvalidEvent as error:
        raise OmniError(f"{error.detail}.", USAGE) from error
    if asked.identifiers != (identifier,):
        raise OmniError(f"{args.who} links nothing anyway: identity.yaml and the built-in list block such values.", NO)
    return asked


def _look_up(
    args: argparse.Namespace, settings: Settings, identifier: Identifier
) -> tuple[IdentityState | None, CustomerState | None]:
    from pipeline.clients.lookup import customer, identifier_state

    known = identifier_state(settings, args.tenant, identifier)
    found = customer(settings, args.tenant, known.customer_id) if known is not None else None
    return known, found


def _unknown(args: argparse.Namespace) -> OmniError:
    return OmniError(
        f"Nothing is known of {args.who} of tenant {args.tenant}. Was an event with it published, and has a worker "
        "handled it? `omni tail identity --from-start` shows what became of identifiers.",
        NO,
    )


def _print(args: argparse.Namespace, said: Said, *lines: str) -> int:
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    else:
        for line in lines:
            print(line)
    return DONE
