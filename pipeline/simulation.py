"""A whole installation in memory, on event time: the actors of the worker, the same code for each event, no broker.

Wires the in-memory bus as `app.py` wires Faust. The same stream gives the same customers, triggers and decisions,
whatever the number of partitions, the seed, the repeats and the crashes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, TypeAlias, cast

from msgspec import Struct, json

from pipeline.catalog_reader import CatalogReader
from pipeline.channel_reader import ChannelReader
from pipeline.domain.actor import Actor
from pipeline.domain.catalog import CatalogRecord
from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.customer.as_json import Json, customer_json
from pipeline.domain.event_types import OPERATOR, OPERATOR_EVENTS
from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import IdentityActor
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.messages.to_customer import Arrived, CustomerMessage
from pipeline.domain.messages.waves import is_list
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState, product_json, waiting_in
from pipeline.domain.product.waiters import Waiters
from pipeline.domain.records import AudienceMember, Decision, IdentityChange, Trigger
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rules
from pipeline.settings import Settings
from pipeline.streaming.envelope import EnvelopeDecoder
from pipeline.streaming.ingest import Ingested
from pipeline.streaming.memory_bus import MemoryBus
from pipeline.streaming.memory_lane import Crashes
from pipeline.streaming.memory_rounds import Disturbance, rounds
from pipeline.streaming.units import Output, Record
from pipeline.topics import inbox_topic
from pipeline.topology import InstallationTopology
from pipeline.wire.channel_event import Decoder
from pipeline.wire.records import SCHEMA_OF, decode_record, json_line

Published: TypeAlias = Trigger | Decision | IdentityChange

_DECODERS: dict[bytes, Callable[[bytes], Published]] = {
    b"trigger": partial(decode_record, Trigger),
    b"decision": partial(decode_record, Decision),
    b"identity_change": partial(decode_record, IdentityChange),
}
"""By the `schema` header of a public record."""


class Conditions(Struct, frozen=True):
    """What a simulation runs under. `seed` None: in order; else partitions take turns at random.

    `duplicate` is the share of events and messages delivered twice, `shuffle` by how many places events may be
    handed over out of order, `crash` the share of units that a crash cuts short.
    """

    partitions: int = 1
    seed: int | None = None
    duplicate: float = 0.0
    shuffle: int = 0
    crash: float = 0.0


class Contradiction(RuntimeError):
    """A record was published twice under one id with different content: a fault of this program."""


class Simulation:
    """Plays events. `read` each, `play` them, then look at what came of them."""

    def __init__(
        self,
        settings: Settings,
        rules: RuleBook | Rules,
        identity: IdentityConfig,
        conditions: Conditions | None = None,
        on_published: Callable[[Published], None] | None = None,
        on_arrived: Callable[[str, int, Arrived], None] | None = None,
        crashes: Crashes | None = None,
        keep: bool = True,
        customers_every_ms: int = 0,
        products_every_ms: int = 0,
    ) -> None:
        """Set up an empty installation.

        `on_published` is told of each public record once, as it appears; `on_arrived` of each event that has found
        its customer (its source, its position there, the event), again when it is delivered again. `crashes`: chosen
        ones instead of the random ones of `conditions`. Without `keep`, records are told of and then forgotten (but for
        a digest each): `triggers`, `decisions`, `identity_changes`, `feed` are empty. `customers_every_ms` and
        `products_every_ms`: customers and products are published as well, and products know who looks at them.
        """
        self._conditions = conditions = conditions or Conditions()
        self._on_published = on_published
        self._on_arrived = on_arrived
        self._keep = keep
        settings = settings.replace("simulation", partitions=conditions.partitions)
        actors: Sequence[Actor[Any, Any]] = (
            IdentityActor(identity),
            CustomerActor(rules, "event", identity, customers_every_ms, products_every_ms > 0),
            ProductActor("event", settings.complements_half_life_days, products_every_ms),
        )
        self._reader = ChannelReader(cast(Decoder, _Decoded()), identity, event_clock=True)
        self._catalog_reader = CatalogReader(lambda record: cast(CatalogRecord, record), event_clock=True)
        self._customer_inbox = inbox_topic(settings, "customer")
        self._envelopes: EnvelopeDecoder[CustomerMessage] = EnvelopeDecoder(CustomerMessage)
        self.bus = MemoryBus(
            actors,
            InstallationTopology(settings),
            conditions.partitions,
            self._delivered,
            conditions.seed,
            crashes or Crashes(conditions.crash, conditions.seed or 0),
            conditions.duplicate,
        )
        self._records: dict[tuple[bytes, str], tuple[Published | None, bytes]] = {}
        self._lines: dict[str, list[bytes]] = {}
        #: The last record of each key of the compacted topics, by schema and key: what a consumer would hold.
        self.feed: dict[tuple[str, str], bytes] = {}
        #: Events handed over, repeats included; records after the end, which were not played.
        self.handed_over = 0
        #: Records of the catalogue handed over, repeats included.
        self.catalog_updates = 0
        self._of_operators = 0
        self.left_out = 0

    def read(self, event: ChannelEvent | CatalogRecord) -> Ingested:
        """Check and normalise one event, or one record of the catalogue. Raises `InvalidEvent`."""
        read = self._reader if isinstance(event, ChannelEvent) else self._catalog_reader
        return read(Record(0, 0, None, cast(bytes, event)))

    def play(
        self,
        stream: Iterable[Ingested],
        until_ms: int | None = None,
        progress: Callable[[int], None] = lambda played: None,
    ) -> None:
        """Play events, and what the catalogue tells among them, in the order given.

        The clock ends at `until_ms`, or else at the latest time of them.

        With `until_ms`, later events are left out and what is due by then still happens.
        """
        conditions = self._conditions
        disturbance = Disturbance(conditions.seed or 0, conditions.duplicate, conditions.shuffle)
        newest_ms = self.bus.clock_ms
        for events in rounds(self._until(stream, until_ms)):
            newest_ms = max(newest_ms, *(event.occurred_at_ms for event in events))
            self._round(disturbance.deliveries(events), newest_ms)
            progress(self.handed_over + self.catalog_updates)
        self._round(disturbance.left_over(), newest_ms)
        if until_ms is not None:
            self._lines.clear()
            self.bus.advance(until_ms)

    def _until(self, stream: Iterable[Ingested], until_ms: int | None) -> Iterator[Ingested]:
        for event in stream:
            if until_ms is not None and event.occurred_at_ms > until_ms:
                self.left_out += 1
            else:
                yield event

    def _round(self, events: list[Ingested], newest_ms: int) -> None:
        self.handed_over += sum(event.is_event for event in events)
        self.catalog_updates += sum(event.is_of_catalog for event in events)
        self._of_operators += sum(what == OPERATOR_EVENTS for event in events for what, _ in event.counts)
        self._lines.clear()
        self.bus.put(events)
        self.bus.advance(newest_ms)

    def _delivered(self, output: Output) -> None:
        if output.topic == self._customer_inbox:
            if self._on_arrived is not None:
                envelope = self._envelopes.decode(output.value)
                for entry in envelope.entries:
                    if isinstance(entry.message, Arrived):
                        self._on_arrived(envelope.source, entry.position, entry.message)
            return
        schema = dict(output.headers).get("schema", b"")
        decode = _DECODERS.get(schema)
        if decode is None:
            if self._keep and output.key is not None:
                self.feed[schema.decode(), output.key.decode()] = output.value
            return
        record = decode(output.value)
        name = (schema, _name(record))
        content = output.value if self._keep else sha256(output.value).digest()
        known = self._records.get(name)
        if known is None:
            self._records[name] = (record if self._keep else None, content)
            if self._on_published is not None:
                self._on_published(record)
        elif known[1] != content:
            raise Contradiction(f"{name[1]} was published as {known[0]} and then as {record}")

    # --- what came of it ---

    def triggers(self) -> list[Trigger]:
        """Return every trigger and revoke, in the order of firing."""
        found = [record for record, _ in self._records.values() if isinstance(record, Trigger)]
        return sorted(found, key=lambda trigger: (trigger.fired_at_ms, trigger.trigger_id, trigger.status))

    def decisions(self) -> list[Decision]:
        """Return every decision, in the order of time."""
        found = [record for record, _ in self._records.values() if isinstance(record, Decision)]
        return sorted(found, key=lambda decision: (decision.decided_at_ms, decision.decision_id))

    def merges(self) -> int:
        """Return how many customers became part of another, undone ones included."""
        return sum(change.change == "merged" for change in self.identity_changes())

    def identity_changes(self) -> list[IdentityChange]:
        """Return every change of the identity graph, in the order of time."""
        found = [record for record, _ in self._records.values() if isinstance(record, IdentityChange)]
        return sorted(found, key=lambda change: (change.occurred_at_ms, change.change_id))

    def audience_members(self) -> list[AudienceMember]:
        """Return what was told last of each customer and audience, by audience; `member` False: has left."""
        told = (value for (schema, _), value in self.feed.items() if schema == SCHEMA_OF[AudienceMember])
        found = (decode_record(AudienceMember, value) for value in told)
        return sorted(found, key=lambda each: (each.audience, each.member, each.customer_id))

    def customer_lines(self) -> list[bytes]:
        """Return every customer as a line of canonical JSON, sorted."""
        return self._lines_of("customer", customer_json)

    def product_lines(self) -> list[bytes]:
        """Return every product as a line of canonical JSON, sorted."""
        lists: defaultdict[tuple[str, str], list[Waiters | None]] = defaultdict(list)
        for key, state in self.bus.states("product"):
            if is_list(key):
                lists[state.tenant, state.sku].append(state.waiters)
        return self._lines_of("product", lambda state: product_json(state, waiting_in(lists[state.tenant, state.sku])))

    def _lines_of(self, actor: str, as_json: Callable[[Any], dict[str, Json]]) -> list[bytes]:
        if actor not in self._lines:
            states = (state for key, state in self.bus.states(actor) if not is_list(key) and _is_told_of(state))
            self._lines[actor] = sorted(_canonical(as_json(state)) for state in states)
        return self._lines[actor]

    def distinct_events(self) -> int:
        """Return how many events were counted, each once."""
        return sum(state.events for _, state in self.bus.states("customer"))

    def duplicates(self) -> int:
        """Return how many events came again under an id already counted, with the same content."""
        return self.handed_over - self._of_operators - self.distinct_events() - self._conflicts()

    def counted(self) -> Counter[str]:
        """Return what was counted on the way, reasons added up."""
        totals: Counter[str] = Counter()
        for (what, _), number in self.bus.counts.items():
            totals[what] += number
        return totals

    def _conflicts(self) -> int:
        """Return how many events came under an id already counted, with another content; not those of operators."""
        counts = self.bus.counts.items()
        return sum(number for (what, whose), number in counts if what == "event_conflicts" and whose != OPERATOR)

    def state_digest(self) -> str:
        """Return the SHA-256 of all customers and products."""
        return _digest([*self.customer_lines(), *self.product_lines()])

    def triggers_digest(self) -> str:
        """Return the SHA-256 of all triggers and revokes."""
        return _digest(json_line(trigger) for trigger in self.triggers())


class _Decoded:
    """Stands where the decoder does: what is played here is an event already."""

    def decode(self, value: ChannelEvent) -> ChannelEvent:
        return value


def _name(record: Published) -> str:
    match record:
        case Trigger():
            return f"{record.trigger_id}/{record.status}"
        case Decision():
            return record.decision_id
        case IdentityChange():
            return record.change_id


def _is_told_of(state: CustomerState | ProductState) -> bool:
    """Whether it is a customer, and not a pointer to one, or a product, and not one of the actor's other keys."""
    return state.is_product if isinstance(state, ProductState) else not state.is_pointer


def _canonical(value: object) -> bytes:
    return json.encode(value, order="sorted")


def _digest(lines: Iterable[bytes]) -> str:
    return sha256(b"\n".join(sorted(lines))).hexdigest()
