"""All that the history holds of one customer, found without reading it whole.

Tables are ordered by the ids of their records. So first the ids of the customer's records are looked for, in the one
column that says whose they are, and then the records by their ids.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.domain.hashed import HASHED_KINDS, hash_of
from pipeline.domain.messages import Identifier
from pipeline.domain.records import Decision, Offer, Trigger
from pipeline.history.engine import Answer, Reader
from pipeline.history.stored_events import event_of, items_of, selected
from pipeline.history.texts import texts
from pipeline.timeline import Records


class OneCustomer:
    """Asks for the customers of one tenant. Everything raises HistoryUnavailable, QueryRefused."""

    def __init__(self, reader: Reader, tenant: str) -> None:
        """`reader` stays the caller's to close."""
        self._reader = reader
        self._tenant = f"tenant = {texts([tenant])}"
        self._overridden = f"SELECT part_id FROM customer_overrides_log WHERE {self._tenant}"

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
        whose = f"customer_id = {texts([customer_id])}"
        parts = self._ask("SELECT part_id FROM customer_overrides", whose).rows
        others = sorted(part for (part,) in parts)
        names = texts(sorted({customer_id, *others}))
        of_events = self._ids("events_log", "event_id", f"(part_id IN ({names}) OR written_customer_id IN ({names}))")
        of_decisions = self._ids("decisions_log", "decision_id", f"written_customer_id IN ({names})")

        # As the view `events` has them, in half its time: only the parts at hand are looked up, and FINAL not needed.
        told = (
            f"(SELECT {selected()}, part_id, written_customer_id FROM events_log "
            f"PREWHERE {self._tenant} AND {of_events} ORDER BY precedence DESC LIMIT 1 BY event_id)"
        )
        own = f"written_customer_id = {texts([customer_id])} AND part_id NOT IN ({self._overridden})"
        mine = f"(part_id IN ({texts(others)}) OR {own})" if others else f"({own})"

        def latest(select: str, time: str, *where: str) -> list[dict[str, Any]]:
            """Ask for one more than `limit`: that tells whether there are more."""
            since = [f"{time} >= {since_ms}"] if since_ms is not None else []
            before = [f"{time} < {before_ms}"] if before_ms is not None else []
            newest = f"ORDER BY {time} DESC LIMIT {limit + 1}"
            return self._ask(select, *where, *since, *before, then=newest).objects()

        events = latest(f"SELECT {selected()} FROM {told}", "occurred_at_ms", mine)
        decisions = latest(f"SELECT {_DECISION} FROM decisions", "decided_at_ms", whose, of_decisions)
        nothing = not events and not decisions
        if nothing and not self._ask(f"SELECT event_id FROM {told}", mine, then="LIMIT 1").rows:
            return None
        sent = texts(sorted({row["trigger_id"] for row in decisions} - {""}))
        triggers = self._ask("SELECT * FROM triggers_log FINAL", f"trigger_id IN ({sent})").objects() if sent else []
        return Records(
            customer_id,
            [(row["received_at_ms"], event_of(row)) for row in events[:limit]],
            [_decision(row) for row in decisions[:limit]],
            [_trigger(row, customer_id) for row in triggers],
            len(events) > limit or len(decisions) > limit,
        )

    def _ids(self, table: str, name: str, whose: str) -> str:
        return f"{name} GLOBAL IN (SELECT {name} FROM {table} WHERE {self._tenant} AND {whose})"

    def _ask(self, select: str, *where: str, then: str = "") -> Answer:
        return self._reader.query(f"{select} WHERE {' AND '.join([self._tenant, *where])} {then}")


_DECISION: Final = ", ".join(Decision.__struct_fields__)


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(**{**row, "trigger_id": row["trigger_id"] or None})


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
