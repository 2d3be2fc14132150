"""The customers of a tenant as records, and who of them must stay apart: read from the history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pipeline.domain.identity.actor import ALONE
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.linking import DEVICES
from pipeline.domain.messages.keys import Identifier
from pipeline.history.engine import Reader
from pipeline.history.texts import texts
from pipeline.suggestions.records import FIELDS_NEEDED, Record, tidied, trait_name

TELLING: Final = ("identified", "order_completed")
"""Event types whose properties are about the customer. On others `name` is a product's, and `city` a store's."""

_ANCHOR = "anchor "

# Told the same again and again, properties come once, with the time of the last.
_TOLD: Final = """
SELECT customer_id, groupArray(at_ms) AS times, groupArray(properties) AS told
FROM
(
    SELECT customer_id, properties, max(occurred_at_ms) AS at_ms
    FROM events
    WHERE tenant = {tenant} AND event_type IN ({types}) AND properties != ''
    GROUP BY customer_id, properties
)
GROUP BY customer_id
ORDER BY customer_id
"""

_IDENTIFIERS: Final = """
SELECT customer_id, groupArray(name) AS names, groupArray(latest) AS known
FROM
(
    SELECT customer_id, said.1 AS name, argMax(said.2, (occurred_at_ms, event_id)) AS latest
    FROM events
    ARRAY JOIN arrayConcat(
        [(concat('anchor ', identifiers.kind[1]), identifiers.value[1])],
        arrayMap((k, v) -> (toString(k), v), identifiers.kind, identifiers.value)
    ) AS said
    WHERE tenant = {tenant} AND customer_id IN (
        SELECT customer_id FROM events WHERE tenant = {tenant} AND event_type IN ({types}) AND properties != ''
    )
    GROUP BY customer_id, name
)
GROUP BY customer_id
"""


def people(reader: Reader, tenant: str, config: IdentityConfig) -> list[Record]:
    """Return a record of every customer that said enough of itself, by id. The latest word counts.

    Raises HistoryUnavailable, QueryRefused.
    """
    asked = {"tenant": texts([tenant]), "types": texts(TELLING)}
    told = reader.query(_TOLD.format(**asked)).rows
    identifiers = reader.query(_IDENTIFIERS.format(**asked)).rows
    known = {who: dict(zip(names, values, strict=True)) for who, names, values in identifiers}
    found = [_record(who, _traits(times, properties), known.get(who, {}), config) for who, times, properties in told]
    return [record for record in found if record is not None]


def kept_apart(reader: Reader, tenant: str) -> set[frozenset[str]]:
    """Return the pairs of customers that an operator has taken apart. Raises HistoryUnavailable, QueryRefused."""
    tenant = texts([tenant])
    undone = reader.query(
        f"SELECT customer_id, other_customer_id FROM identity_changes WHERE tenant = {tenant} AND change = 'unmerged'"
    ).rows
    if not undone:
        return set()
    ids = texts(sorted({customer_id for pair in undone for customer_id in pair}))
    parts = reader.query(
        f"SELECT part_id, customer_id FROM customer_overrides WHERE tenant = {tenant} AND part_id IN ({ids})"
    )
    now = dict(parts.rows)
    return {frozenset(now.get(customer_id, customer_id) for customer_id in pair) for pair in undone}


def _traits(times: Iterable[int], told: Iterable[str]) -> dict[str, str]:
    """Return what the properties of events say, the latest word of each: by `trait_name`, numbers as text."""
    traits: dict[str, str] = {}
    for _, properties in sorted(zip(times, told, strict=True)):
        for name, value in msgspec.json.decode(properties, type=dict[str, Any]).items():
            if value is not None and value != "":
                traits[trait_name(name)] = str(value)
    return traits


def _record(customer_id: str, traits: dict[str, str], known: dict[str, str], config: IdentityConfig) -> Record | None:
    fields = tidied(traits | {kind: known[kind] for kind in ("email", "phone") if kind in known})
    anchor = _anchor(known, config)
    return Record(customer_id, anchor, fields) if anchor is not None and len(fields) >= FIELDS_NEEDED else None


def _anchor(known: dict[str, str], config: IdentityConfig) -> Identifier | None:
    """Return what leads to the customer: an identifier that went before all others on an event, no device if possible.

    What stood beside it may be somebody else's: its claim may have been refused.
    """
    anchors = [(name.removeprefix(_ANCHOR), value) for name, value in known.items() if name.startswith(_ANCHOR)]
    lasting = [anchor for anchor in anchors if anchor[0] != ALONE]
    return min(lasting, key=lambda anchor: (anchor[0] in DEVICES, config.rank(anchor[0]), anchor), default=None)
