"""All that the history holds of one customer, found without reading it whole.

`customer_events_log` and `customer_decisions_log` have a customer's rows beside each other, also some that the logs
have replaced since. So the latest are read there, and held against what is kept of each id and whose each part is now:
what is left is what the views `events` and `decisions` show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from pipeline.domain.identity.hashed import HASHED_KINDS, hash_of
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.records import Decision, Offer, Trigger
from pipeline.history.engine import Answer, Reader
from pipeline.history.stored_events import COLUMNS, event_of, items_of
from pipeline.history.texts import texts
from pipeline.timeline import Records

Rows = list[dict[str, Any]]

FURTHER: Final = 4
"""So many times the rows are read where some turn out to be another customer's, or replaced."""
AT_ONCE: Final = 1_000
"""Ids in a statement: of 250 bytes each, they fit into the 256 KiB that a server takes."""


class _Copy(Struct, frozen=True):
    """A table by customer: its columns, those that name a record, when it was, whose it is when nothing is merged."""

    table: str
    columns: str
    names: tuple[str, ...]
    time: str
    part: str


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_EVENTS: Final = _Copy(
    table="customer_events_log",
    columns=_listed((*COLUMNS, "part_id", "written_customer_id", "precedence"))
    + ", cityHash64(tenant, event_id) AS event_hash",
    names=("event_id",),
    time="occurred_at_ms",
    part="part_id",
)
_DECISIONS: Final = _Copy(
    table="customer_decisions_log",
    columns=_listed((*(name for name in Decision.__struct_fields__ if name != "customer_id"), "written_customer_id")),
    names=("decision_id", "outcome"),
    time="decided_at_ms",
    part="written_customer_id",
)


class OneCustomer:
    """Asks for the customers of one tenant. Everything raises HistoryUnavailable, QueryRefused."""

    def __init__(self, reader: Reader, tenant: str) -> None:
        """`reader` stays the caller's to close."""
        self._reader = reader
        self._tenant = f"tenant = {texts([tenant])}"

    def owner_of(self, identifier: Identifier) -> str | None:
        """Return whose an identifier is, as far as the history tells; None if it was never seen.

        One that came while two customers were one that are two again is taken to have stayed with the winner.
        """
        kind, value = identifier
        values = {value, hash_of(value)} if kind in HASHED_KINDS else {value}
        told = self._ask(
            "SELECT customer_id FROM identity_changes_log",
            f"kind = {texts([kind])} AND value IN ({texts(sorted(values))})",
            "change IN ('created', 'attached', 'moved')",
            then="ORDER BY occurred_at_ms DESC, change_id LIMIT 1",
        ).rows
        return self.current(told[0][0]) if told else None

    def current(self, customer_id: str) -> str:
        """Return whom a customer is part of now: itself, if it was never merged."""
        merged = self._ask("SELECT customer_id FROM customer_overrides", f"part_id = {texts([customer_id])}").rows
        return str(merged[0][0]) if merged else customer_id

    def records(self, customer_id: str, since_ms: int | None, before_ms: int | None, limit: int) -> Records | None:
        """Return the latest `limit` events and decisions of [since, before), None if nothing is known at all.

        Those of the customers that have become part of this one are among them.
        """
        span = since_ms, before_ms
        events = self._latest(_EVENTS, self._kept, customer_id, span, limit)
        decisions = self._latest(_DECISIONS, list, customer_id, span, limit)
        if not events and not decisions and not self._latest(_EVENTS, self._kept, customer_id, (None, None), 0):
            return None
        sent = {row["trigger_id"] for row in decisions} - {""}
        triggers = self._each(f"SELECT * FROM triggers_log FINAL WHERE {self._tenant} AND trigger_id", sent)
        return Records(
            customer_id,
            [(row["received_at_ms"], event_of(row)) for row in events[:limit]],
            [_decision(row, customer_id) for row in decisions[:limit]],
            [_trigger(row, customer_id) for row in triggers],
            len(events) > limit or len(decisions) > limit,
        )

    def _latest(
        self,
        copy: _Copy,
        kept: Callable[[Rows], Rows],
        customer_id: str,
        span: tuple[int | None, int | None],
        limit: int,
    ) -> Rows:
        """Return the customer's records of a span, latest first: all there are, or more than `limit`.

        `kept` leaves out what is no longer in the log.
        """
        since_ms, before_ms = span
        parts = self._ask("SELECT part_id FROM customer_overrides", f"customer_id = {texts([customer_id])}").rows
        where = [f"found_under IN ({texts(sorted({customer_id, *(part for (part,) in parts)}))})"]
        where += [f"{copy.time} >= {since_ms}"] if since_ms is not None else []
        where += [f"{copy.time} < {before_ms}"] if before_ms is not None else []
        rows = limit + 1
        while True:
            newest = f"ORDER BY {copy.time} DESC, {', '.join(copy.names)} LIMIT {rows}"
            found = self._ask(f"SELECT {copy.columns} FROM {copy.table}", *where, then=newest).objects()
            owners = self._owners({row[copy.part] for row in found})
            mine = {
                tuple(row[name] for name in copy.names): row
                for row in kept(found)
                if owners.get(row[copy.part], row["written_customer_id"]) == customer_id
            }
            if len(found) < rows or len(mine) > limit:
                return list(mine.values())
            rows *= FURTHER

    def _owners(self, parts: Iterable[str]) -> dict[str, str]:
        """Return whose those parts are that were merged."""
        asked = f"SELECT part_id, customer_id FROM customer_overrides_log FINAL WHERE {self._tenant} AND part_id"
        return {row["part_id"]: row["customer_id"] for row in self._each(asked, parts)}

    def _kept(self, events: Rows) -> Rows:
        """Return the events that nothing received earlier under their ids has replaced.

        `event_contents_log` tells it in a third of the time of `events_log`: its keys are numbers, its rows short.
        """
        asked = "SELECT event_hash, precedence FROM event_contents_log PREWHERE event_hash"
        first: dict[int, int] = {}
        for row in self._each(asked, {row["event_hash"] for row in events}):
            first[row["event_hash"]] = max(row["precedence"], first.get(row["event_hash"], row["precedence"]))
        return [row for row in events if row["precedence"] >= first.get(row["event_hash"], row["precedence"])]

    def _each(self, asked: str, values: Iterable[str] | Iterable[int]) -> Rows:
        """Ask for the rows that have one of these values, so many at a time as fit into a statement."""
        literals = [str(value) if isinstance(value, int) else texts([value]) for value in values]
        some = (literals[start : start + AT_ONCE] for start in range(0, len(literals), AT_ONCE))
        return [row for each in some for row in self._reader.query(f"{asked} IN ({', '.join(each)})").objects()]

    def _ask(self, select: str, *where: str, then: str = "") -> Answer:
        return self._reader.query(f"{select} WHERE {' AND '.join([self._tenant, *where])} {then}")


def _decision(row: dict[str, Any], customer_id: str) -> Decision:
    told = {name: value for name, value in row.items() if name != "written_customer_id"}
    return Decision(customer_id=customer_id, **{**told, "trigger_id": row["trigger_id"] or None})


def _trigger(row: dict[str, Any], customer_id: str) -> Trigger:
    code = row["offer_code"]
    return Trigger(
        trigger_id=row["trigger_id"],
        status=row["status"],
        rule=row["rule"],
        kind=row["kind"],
        rules_version=row["rules_version"],
        tenant=row["tenant"],
        customer_id=customer_id,
        channel=row["channel"] or None,
        address=row["address"] or None,
        caused_by=row["caused_by"],
        due_at_ms=row["due_at_ms"],
        fired_at_ms=row["fired_at_ms"],
        expires_at_ms=row["expires_at_ms"],
        items=items_of(row),
        offer=Offer(code, row["offer_percent"], row["offer_valid_until_ms"]) if code else None,
        context=msgspec.json.decode(row["context"]) if row["context"] else {},
        content_variant=row["content_variant"] or None,
        reason=row["reason"],
    )
