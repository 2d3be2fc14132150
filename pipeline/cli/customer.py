"""`omni customer`: one customer, by id or by any identifier."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from typing import Any

import msgspec

from pipeline.broker import BrokerError
from pipeline.cli.arguments import add_history_place, history_place, identifier_named, moment, within
from pipeline.domain.customer.as_json import customer_json
from pipeline.domain.customer.draft import former
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.messages.keys import Identifier
from pipeline.errors import DONE, NO, OmniError
from pipeline.history.engine import HistoryUnavailable
from pipeline.history.one_customer import OneCustomer
from pipeline.history.reader import needing_tables, open_reader
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.timeline import Records, lines, timeline

HELP = """Show one customer: what is known and what waits, from Kafka; with --timeline what happened and why each
message was sent or not, from the history (where there is none, from what Kafka still keeps). With --json both."""
EXAMPLE = """
omni customer account:u-1
omni customer email:anna@example.com --timeline
omni customer "phone:0170 1234567" --timeline --from 2026-11-01T00:00:00Z --limit 1000
omni customer 5d2c7f0e-53c6-5d3b-9c7e-2f6f1c1f3a10 --json
"""

LIMIT = 200
"""Entries of a timeline: more than anybody reads at a call, and half a year of most customers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare who is wanted, and how much of it."""
    parser.add_argument("customer", metavar="ID|KIND:VALUE", help="customer id, or an identifier as account:u-1")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose customer (default: default)")
    parser.add_argument("--timeline", action="store_true", help="events and decisions by time, the newest last")
    parser.add_argument("--from", dest="since", type=moment, metavar="T", help="of the timeline, what is not before T")
    parser.add_argument("--to", dest="before", type=moment, metavar="T", help="of the timeline, what is before T")
    parser.add_argument(
        "--limit",
        type=within(int, 1, 1_000_000),
        default=LIMIT,
        metavar="N",
        help=f"of the timeline, the newest N entries (default: {LIMIT})",
    )
    add_history_place(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Look up and print."""
    wanted = _Wanted(args, settings)
    if not args.timeline:
        _print(customer_json(wanted.state()), args.json)
        return DONE
    records = wanted.from_history()
    state: CustomerState | None = None
    if records is None:
        state = wanted.state()
        records = wanted.from_kafka(state)
    elif args.json:
        state = wanted.state_if_kafka_answers(records.customer_id)
    entries, cut = timeline(records, args.limit)
    if args.json:
        said: dict[str, Any] = {"customer_id": records.customer_id} if state is None else customer_json(state)
        _print({**said, "timeline": [entry.told for entry in entries], "timeline_cut": cut}, in_one_line=True)
        return DONE
    print(f"Customer {records.customer_id}. Times are UTC.")
    if cut:
        print(f"Earlier ones are left out: these are the newest {len(entries):,}. See --limit, --from, --to.")
    for line in lines(entries):
        print(line)
    if not entries:
        print("Nothing happened in this span.")
    return DONE


def _print(said: dict[str, Any], in_one_line: bool) -> None:
    encoded = msgspec.json.encode(said, order="sorted")
    sys.stdout.buffer.write((encoded if in_one_line else msgspec.json.format(encoded, indent=2)) + b"\n")


class _Wanted:
    """The customer that was asked for, wherever something is known of it."""

    def __init__(self, args: argparse.Namespace, settings: Settings) -> None:
        self._args, self._settings = args, settings
        self._identifier: Identifier | None = None
        if ":" in args.customer:
            self._identifier = identifier_named(args.customer, load_identity(settings.identity_file))

    def state(self) -> CustomerState:
        """Return the state that the workers have made durable. Raises BrokerError, OmniError if there is none."""
        from pipeline.clients.lookup import customer, customer_id_of

        args, settings = self._args, self._settings
        customer_id: str | None = args.customer
        if self._identifier is not None:
            customer_id = customer_id_of(settings, args.tenant, *self._identifier)
        state = customer(settings, args.tenant, customer_id) if customer_id is not None else None
        if state is None:
            raise OmniError(
                f"No customer {args.customer} of tenant {args.tenant}. Was an event with it published, and has a "
                "worker handled it? `omni tail events --from-start` shows what came in.",
                NO,
            )
        return state

    def state_if_kafka_answers(self, customer_id: str) -> CustomerState | None:
        """Return the state, or None and say why."""
        from pipeline.clients.connection import check_listening
        from pipeline.clients.lookup import customer

        try:
            check_listening(self._settings)
            return customer(self._settings, self._args.tenant, customer_id)
        except BrokerError as error:
            _say(f"what is known of the customer now is left out: {error}")
            return None

    def from_history(self) -> Records | None:
        """Return what the history holds; None, and say why, if there is none or it does not know the customer."""
        args = self._args
        try:
            with closing(open_reader(history_place(args, self._settings))) as reader, needing_tables(reader):
                history = OneCustomer(reader, args.tenant)
                if self._identifier is None:
                    customer_id: str | None = history.current(args.customer)
                else:
                    customer_id = history.owner_of(self._identifier)
                found = None
                if customer_id is not None:
                    found = history.records(customer_id, args.since, args.before, args.limit)
        except HistoryUnavailable as error:
            _say(f"the timeline is what Kafka still keeps: {error}")
            return None
        if found is None:
            _say(f"the history does not know {args.customer}; the timeline is what Kafka still keeps.")
        return found

    def from_kafka(self, state: CustomerState) -> Records:
        """Return what Kafka still keeps, of before its merges too."""
        from pipeline.clients.lookup import decisions_of, events_of

        settings, tenant = self._settings, state.tenant
        ids = (state.customer_id, *sorted(former(state)))
        events = [told for customer_id in ids for told in events_of(settings, tenant, customer_id)]
        decisions = [decision for customer_id in ids for decision in decisions_of(settings, tenant, customer_id)]
        return Records(
            state.customer_id,
            [(received, event) for received, event in events if self._within(event.occurred_at_ms)],
            [decision for decision in decisions if self._within(decision.decided_at_ms)],
            [],
        )

    def _within(self, at_ms: int) -> bool:
        since_ms, before_ms = self._args.since, self._args.before
        return (since_ms is None or at_ms >= since_ms) and (before_ms is None or at_ms < before_ms)


def _say(what: str) -> None:
    sys.stderr.write(f"omni: {what}\n")
