"""`omni identity …`: why an identifier is whose it is, what an operator may change, and who may be one customer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

import msgspec

from pipeline.cli import identity_suggest
from pipeline.cli.arguments import identifier_named, within
from pipeline.cli.identity_words import Said, explained, explanation, merge_json, merge_line, merges, why
from pipeline.domain.customer.draft import former
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.event_types import IDENTIFIER_BLOCKED, MERGE_CONFIRMED, MERGE_UNDONE, OPERATOR
from pipeline.domain.events import ChannelEvent, Scalar
from pipeline.domain.identity.actor import IdentityState
from pipeline.domain.identity.claims import name_of
from pipeline.domain.identity.graph import EMPTY, merge_to_undo
from pipeline.domain.messages.keys import Identifier
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.identifiers import identifier_of
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.wire.normalise import Normalised, normalise
from pipeline.wire.records import to_json

HELP = """explain: why an identifier belongs to its customer. merges: those that made a customer. unmerge: undo one.
merge: make the customers of two identifiers one, within the limits of identity.yaml. block: a value that links nothing
from now on. What changes something is an event that a worker handles: these three wait for its answer, and exit with 1
where it is no, or where none comes in time. suggest: who in the history may be one customer, by name, birth date and
address; nothing is merged. It needs the extra `suggest`."""
EXAMPLE = """
omni identity explain cookie:c-9
omni identity merges account:u-1 --json
omni identity unmerge phone:+491701234567
omni identity block phone:+494012345
omni identity suggest --threshold 0.95
omni identity merge email:anna@example.com email:a.smith@example.org
"""

"""Channel of an operator's events where it is one of the configured; else it is the first of these."""
IDENTIFIERS = {"explain": 1, "merges": 1, "unmerge": 1, "merge": 2, "block": 1, "suggest": 0}
"""The actions, and how many identifiers each is about."""
SHARED = "operator"
"""Kind of the identifier that two customers share once an operator has said that they are one."""
ANSWER_SECONDS = 30.0
"""A worker answers within a second; one that has just started, or is behind, takes longer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action, and whom it is about."""
    parser.add_argument("action", choices=list(IDENTIFIERS), help="see above")
    parser.add_argument(
        "who",
        nargs="*",
        metavar="KIND:VALUE",
        help="an identifier, as account:u-1; for merges a customer id too; two for merge, none for suggest",
    )
    parser.add_argument("--tenant", default="default", metavar="T", help="whose customer (default: default)")
    parser.add_argument("--merge", metavar="ID", help="unmerge: the merge (default: what brought the identifier in)")
    parser.add_argument(
        "--timeout",
        type=within(float, 0.0, 86_400.0),
        default=ANSWER_SECONDS,
        metavar="SECONDS",
        help=f"unmerge, merge, block: how long to wait for the answer (default: {ANSWER_SECONDS:.0f})",
    )
    identity_suggest.add_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do the action."""
    if args.merge and args.action != "unmerge":
        raise OmniError("--merge goes with unmerge.", USAGE)
    if len(args.who) != IDENTIFIERS[args.action]:
        wanted = ("no identifier", "an identifier, KIND:VALUE, as account:u-1", "two identifiers, each KIND:VALUE")
        raise OmniError(f"{args.action} needs {wanted[IDENTIFIERS[args.action]]}.", USAGE)
    if args.action == "suggest":
        return identity_suggest.run(args, settings)
    if args.action == "merges":
        return _merges(args, settings, args.who[0])
    identifiers = [_identifier(args, settings, who) for who in args.who]
    if args.action == "merge":
        return _merge(args, settings, identifiers)
    action = {"explain": _explain, "unmerge": _unmerge, "block": _block}[args.action]
    return action(args, settings, identifiers[0])


def _identifier(args: argparse.Namespace, settings: Settings, who: str) -> Identifier:
    if ":" not in who:
        raise OmniError(f"{args.action} needs an identifier, KIND:VALUE, as account:u-1; {who} is none.", USAGE)
    return identifier_named(who, load_identity(settings.identity_file))


def _explain(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    from pipeline.clients.lookup import refusals_of

    known, customer = _look_up(args, settings, identifier)
    if known is None:
        raise _unknown(args, name_of(identifier))
    ids = {customer.customer_id, *former(customer)} if customer is not None else set()
    said = explanation(identifier, known, customer, refusals_of(settings, args.tenant, identifier, ids))
    return _print(args, said, *explained(said))


def _merges(args: argparse.Namespace, settings: Settings, who: str) -> int:
    from pipeline.clients.lookup import customer as by_id

    found = (
        _look_up(args, settings, _identifier(args, settings, who))[1]
        if ":" in who
        else by_id(settings, args.tenant, who)
    )
    if found is None:
        raise _unknown(args, who)
    told = merges(found)
    lines = map(merge_line, told) if told else [f"Customer {found.customer_id} was not merged with any other."]
    return _print(args, {"customer_id": found.customer_id, "merges": told}, *lines)


def _unmerge(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    who, customer = name_of(identifier), _leading_to(args, settings, identifier)
    merge = merge_to_undo(customer.graph or EMPTY, customer.identifiers, args.merge or "", identifier)
    if merge is None:
        settled = customer.graph is not None and customer.graph.settled
        none_did = "no merge brought this identifier in" + (", or one too old to be undone" if settled else "")
        missing = f"it was not made by a merge {args.merge}" if args.merge else none_did
        raise OmniError(
            f"There is nothing to undo: {who} is of customer {customer.customer_id}, and {missing}. "
            f"omni identity merges {who} lists those that made it; --merge ID names one.",
            NO,
        )
    told = {"merge": merge_json(merge)}
    done = f"Undone: {merge.loser} is a customer of its own again, apart from {customer.customer_id}."
    asked = _event(args, settings, MERGE_UNDONE, identifier, properties={"merge_id": merge.merge_id})
    return _ask(args, settings, [asked], told, done)


def _merge(args: argparse.Namespace, settings: Settings, identifiers: Sequence[Identifier]) -> int:
    """Let two events share an identifier: a single one could not name two of a kind."""
    left, right = (_leading_to(args, settings, each).customer_id for each in identifiers)
    if left == right:
        return _print(args, {"event_id": None, "answer": None}, f"These are of one customer already, {left}.")
    shared = (SHARED, str(uuid4()))
    asked = [_event(args, settings, MERGE_CONFIRMED, each, shared) for each in identifiers]
    undo = f"omni identity merges {args.who[0]} lists the merge, unmerge takes it back."
    return _ask(args, settings, asked, {}, f"Merged: {left} and {right} are one customer now. {undo}")


def _block(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> int:
    known, _ = _look_up(args, settings, identifier)
    if known is not None and known.blocked:
        return _print(args, {"event_id": None, "answer": None}, f"{name_of(identifier)} is blocked already.")
    done = f"Blocked: {args.who[0]} links nothing from now on. What it has linked stays; see omni identity unmerge."
    return _ask(args, settings, [_event(args, settings, IDENTIFIER_BLOCKED, identifier)], {}, done)


def _ask(args: argparse.Namespace, settings: Settings, asked: Sequence[Normalised], told: Said, done: str) -> int:
    """Publish an operator's events, wait for the answer, and print it."""
    from pipeline.clients.operator import ask

    answer = ask(settings, asked, args.timeout)
    event_id = asked[-1].event.event_id if answer is None else answer.caused_by
    said = {**told, "event_id": event_id, "answer": None if answer is None else to_json(answer)}
    if answer is None:
        late = f"Published as event {event_id}, but not answered within {args.timeout:g} s. Is a worker running?"
        print(f"{late} When one is, omni identity explain {args.who[-1]} tells.", file=sys.stderr)
        _print(args, said)
        return NO
    if answer.change == "refused":
        _print(args, said, f"Refused: {why(answer.reason)} (event {event_id}).")
        return NO
    return _print(args, said, done)


def _event(
    args: argparse.Namespace,
    settings: Settings,
    event_type: str,
    *identifiers: Identifier,
    properties: dict[str, Scalar] | None = None,
) -> Normalised:
    """Return the event as a worker will see it."""
    channel = OPERATOR if OPERATOR in settings.channels else settings.channels[0]
    event = ChannelEvent(
        f"operator-{uuid4()}",
        event_type,
        channel,
        time.time_ns() // 1_000_000,
        dict(identifiers),
        tenant=args.tenant,
        properties=properties or {},
    )
    try:
        asked = normalise(event, load_identity(settings.identity_file))
    except InvalidEvent as error:
        raise OmniError(f"{error.detail}.", USAGE) from error
    for identifier in identifiers:
        if identifier not in asked.identifiers:
            raise _blocked(identifier)
    return asked


def _leading_to(args: argparse.Namespace, settings: Settings, identifier: Identifier) -> CustomerState:
    """Return the customer of an identifier. Raises OmniError where it leads to nobody."""
    known, customer = _look_up(args, settings, identifier)
    if known is None or customer is None:
        raise _unknown(args, name_of(identifier))
    if known.blocked:
        blocked = "is blocked and leads to nobody. Name another identifier of the customer."
        raise OmniError(f"{name_of(identifier)} {blocked}", NO)
    return customer


def _look_up(
    args: argparse.Namespace, settings: Settings, identifier: Identifier
) -> tuple[IdentityState | None, CustomerState | None]:
    from pipeline.clients.lookup import customer, identifier_state

    known = identifier_state(settings, args.tenant, identifier)
    if known is None and identifier_of(*identifier, None, load_identity(settings.identity_file))[1] is not None:
        raise _blocked(identifier)
    found = customer(settings, args.tenant, known.customer_id) if known is not None else None
    return known, found


def _blocked(identifier: Identifier) -> OmniError:
    blocked = "links nothing anyway: identity.yaml and the built-in list block such values."
    return OmniError(f"{name_of(identifier)} {blocked}", NO)


def _unknown(args: argparse.Namespace, who: str) -> OmniError:
    return OmniError(
        f"Nothing is known of {who} of tenant {args.tenant}. Was an event with it published, and has a worker "
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
