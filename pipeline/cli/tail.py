"""`omni tail`: a topic, decoded, a line of JSON a record."""

from __future__ import annotations

import argparse
import sys

import msgspec

from pipeline.cli.arguments import identifier_named
from pipeline.clients.feeds import FEEDS, Json
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.hashed import node_of
from pipeline.errors import DONE, USAGE, OmniError
from pipeline.identifiers import identifier_of
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.wire.records import UnreadableRecord

HELP = "Follow a topic: one JSON object a line, from now on or from its beginning."
EXAMPLE = """
omni tail triggers --rule cart_reminder
omni tail decisions --from-start --until-end | wc -l
omni tail events --customer account:u-1
omni tail customers --from-start --until-end
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to follow and how far."""
    parser.add_argument("what", choices=list(FEEDS), metavar="WHAT", help=", ".join(FEEDS))
    parser.add_argument("--rule", metavar="R", help="only this rule's (triggers, decisions)")
    parser.add_argument(
        "--customer", metavar="ID", help="only this customer's; for events, which know no customers, KIND:VALUE"
    )
    parser.add_argument("--tenant", metavar="T", help="only this tenant's")
    parser.add_argument("--from-start", action="store_true", help="from the oldest record that is kept")
    parser.add_argument("--until-end", action="store_true", help="stop at what is the end now")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Follow."""
    from pipeline.clients.follower import follow

    _check(args)
    identity = IdentityConfig()
    if args.what == "events" and args.customer:
        identity = load_identity(settings.identity_file)
        identifier_named(args.customer, identity)  # refused now, not at the first event
    feed = FEEDS[args.what]
    decode = feed.decoder(settings)
    for record in follow(settings, feed.topics, from_start=args.from_start, until_end=args.until_end):
        if record.value is None:
            continue
        try:
            said = decode(record.value)
        except UnreadableRecord as error:
            print(f"{record.topic}/{record.partition}/{record.offset}: {error}", file=sys.stderr)
            continue
        if said is not None and is_wanted(said, args, identity):
            sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
            if not args.until_end:
                sys.stdout.buffer.flush()
    sys.stdout.buffer.flush()
    return DONE


def _check(args: argparse.Namespace) -> None:
    if args.rule and args.what not in ("triggers", "decisions"):
        raise OmniError(f"--rule goes with triggers and decisions; {args.what} have none.", USAGE)
    if args.customer and args.what == "deadletter":
        raise OmniError("--customer: what was refused has found no customer.", USAGE)
    if args.customer and args.what in ("products", "stock", "catalog"):
        raise OmniError("--customer: a catalogue knows no customers.", USAGE)
    if args.customer and args.what == "events" and ":" not in args.customer:
        raise OmniError("--customer: events carry identifiers, no customer id. Give KIND:VALUE, as account:u-1.", USAGE)


def is_wanted(said: Json, args: argparse.Namespace, identity: IdentityConfig) -> bool:
    """Whether a record is one of those that the options ask for; identifiers are compared as they link."""
    if args.rule and said.get("rule") != args.rule:
        return False
    if args.tenant and said.get("tenant") != args.tenant:
        return False
    if not args.customer:
        return True
    identifiers = said.get("identifiers")
    if args.what == "events" and isinstance(identifiers, dict):
        wanted = node_of(identifier_named(args.customer, identity))
        context = said.get("context")
        country = context.get("country") if isinstance(context, dict) else None
        told = (
            identifier_of(kind.strip().lower(), str(value).strip(), country, identity)[0]
            for kind, value in identifiers.items()
        )
        return any(node_of(identifier) == wanted for identifier in told)
    return bool(said.get("customer_id") == args.customer)
