"""Where things go in this installation: inbox partitions and public topics."""

from __future__ import annotations

from pipeline.domain.messages.effects import Publish
from pipeline.domain.records import AudienceMember, CatalogView, Customer, DeadLetter, Decision, IdentityChange, Trigger
from pipeline.settings import Settings
from pipeline.streaming.partition import shard
from pipeline.streaming.units import Output, Record
from pipeline.topics import (
    ACTORS,
    AUDIENCES,
    CATALOG_VIEW,
    CUSTOMERS,
    DEADLETTER,
    DECISIONS,
    IDENTITY_CHANGES,
    MIB,
    inbox_topic,
    prefixed,
    trigger_topic,
)
from pipeline.wire.records import SCHEMA_OF, encode_record

MAX_VALUE_BYTES = 14 * MIB
"""Kept of a refused value: a record batch holds 15 MiB, key, place and reason want room as well."""
MAX_KEY_BYTES = MIB // 4


class InstallationTopology:
    """Names and partitions of one installation; encodes public records."""

    def __init__(self, settings: Settings) -> None:
        """Look the names up once."""
        self._settings = settings
        self._inboxes = {
            actor: tuple((inbox_topic(settings, actor), number) for number in range(settings.partitions))
            for actor in ACTORS
        }
        self._topics: dict[type, str] = {
            Decision: prefixed(settings, DECISIONS),
            IdentityChange: prefixed(settings, IDENTITY_CHANGES),
            Customer: prefixed(settings, CUSTOMERS),
            AudienceMember: prefixed(settings, AUDIENCES),
            CatalogView: prefixed(settings, CATALOG_VIEW),
        }

    def inbox(self, actor: str, key: str) -> tuple[str, int]:
        """Return the inbox topic of `actor` and the partition of `key`."""
        places = self._inboxes[actor]
        return places[shard(key, len(places))]

    def record(self, publish: Publish) -> Output:
        """Encode a public record for its topic; its bytes are a function of the record alone."""
        record = publish.record
        if isinstance(record, Trigger):
            topic = trigger_topic(self._settings, record.rule)
        else:
            topic = self._topics[type(record)]
        schema = SCHEMA_OF[type(record)].encode()
        headers = (("tenant", record.tenant.encode()), ("schema", schema), ("trace", publish.cause.encode()))
        return Output(topic, None, publish.key.encode(), encode_record(record), headers)

    def dead_letter(self, topic: str, partition: int, record: Record, reason: str, detail: str) -> Output:
        """Put a refused record into the dead letters: whole, but for what would fit into no batch."""
        kept_key, kept_value = _start(record.key, MAX_KEY_BYTES), _start(record.value, MAX_VALUE_BYTES)
        cut = [
            f"; of {len(whole):,} bytes of its {name} the first {len(kept):,} are kept"
            for name, whole, kept in (("key", record.key, kept_key), ("value", record.value, kept_value))
            if whole is not None and kept is not None and len(kept) < len(whole)
        ]
        letter = DeadLetter(
            topic=topic,
            partition=partition,
            offset=record.offset,
            key=kept_key,
            value=kept_value,
            reason=reason,
            detail=detail + "".join(cut),
            appended_at_ms=record.timestamp_ms,
        )
        key = letter.dead_letter_id.encode()
        # It may hold no event id: its trace is where it stands. Nor is it trusted to say whose it is.
        headers = (("tenant", b""), ("schema", b"dead_letter"), ("trace", key), ("reason", reason.encode()))
        return Output(prefixed(self._settings, DEADLETTER), None, key, encode_record(letter), headers)


def _start(data: bytes | None, most: int) -> bytes | None:
    return data if data is None else data[:most]
