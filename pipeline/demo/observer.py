"""Looks at an installation from the outside: what it publishes, what its customers are, whether it has finished.

Reads topics without a group and the commits of the others' groups; the worker does not know of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec

from pipeline.clients.lookup import decode_customer
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.records import DeadLetter, Decision, IdentityChange, Trigger
from pipeline.history.intake import Intake
from pipeline.settings import Settings
from pipeline.streaming.values import META, state_bytes, wake_time
from pipeline.topics import (
    ACTORS,
    DEADLETTER,
    DECISIONS,
    IDENTITY_CHANGES,
    changelog_topic,
    channel_topic,
    inbox_topic,
    prefixed,
    trigger_topic,
)
from pipeline.wire.records import decode_record

Places = dict[TopicPartition, int]

STILL_SECONDS: Final = 1.0
"""How long nothing may have moved before it is believed: outputs follow their changelog within milliseconds."""
LOOK_EVERY_SECONDS: Final = 0.2


class Observer:
    """Follows the public topics and the customers' changelog. Not for several threads."""

    def __init__(self, settings: Settings, rules: Sequence[str], note: Callable[[Any], None]) -> None:
        """`note` is told each public record, again when it is delivered again; identity changes before triggers."""
        self._settings = settings
        self._note = note
        self._group = settings.topic_prefix + settings.app_id
        self._intake = Intake(settings)
        self._changelog = changelog_topic(settings, "customer")
        self._channels = self._places(channel_topic(settings, channel) for channel in settings.channels)
        self._inboxes = self._places(inbox_topic(settings, actor) for actor in ACTORS)
        self._decoders: dict[str, Callable[[bytes], Any]] = {
            prefixed(settings, IDENTITY_CHANGES): partial(decode_record, IdentityChange),
            prefixed(settings, DECISIONS): partial(decode_record, Decision),
            prefixed(settings, DEADLETTER): partial(decode_record, DeadLetter),
            **{trigger_topic(settings, rule): partial(decode_record, Trigger) for rule in rules},
        }
        self._read = self._places([self._changelog, *self._decoders])
        self._states: dict[bytes, bytes] = {}
        self._ends: Places = {}
        self._moved_at = self._looked_at = time.monotonic()
        addresses = (settings.bootstrap or "").split(",")
        self._admin = KafkaAdminClient(bootstrap_servers=addresses)
        self._consumer = KafkaConsumer(
            bootstrap_servers=addresses, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=50
        )
        self._consumer.assign(self._read)

    def _places(self, topics: Any) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in topics for number in range(self._settings.partitions)]

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()
        self._admin.close()

    def poll(self, seconds: float) -> None:
        """Take in what has come, waiting at most so long for the first of it."""
        found = self._consumer.poll(timeout_ms=int(seconds * 1000))
        order = list(self._decoders)
        for place in sorted(found, key=lambda place: order.index(place.topic) if place.topic in order else -1):
            for record in found[place]:
                if place.topic != self._changelog:
                    self._note(self._decoders[place.topic](record.value))
                elif not record.key.startswith(META):
                    self._remember(record.key, record.value)

    def _remember(self, key: bytes, value: bytes | None) -> None:
        if value is None or state_bytes(value) is None:  # removed
            self._states.pop(key, None)
        else:
            self._states[key] = value

    def still_seconds(self) -> float:
        """How long nothing has been written anywhere."""
        return time.monotonic() - self._moved_at

    def settled(self, end_ms: int) -> bool:
        """Whether everything up to `end_ms` was handled and all that came of it was read here."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_SECONDS:
            return False
        self._looked_at = now
        commits = self._commits(self._group)
        found = self._admin.list_partition_offsets(dict.fromkeys([*self._inboxes, *self._read], OffsetSpec.LATEST))
        ends: Places = {place: said.offset for place, said in found.items()}
        if ends != self._ends:
            self._ends = ends
            self._moved_at = now
        return (
            self.still_seconds() >= STILL_SECONDS
            and all(int(commits.get(place, (0, ""))[1] or 0) >= end_ms for place in self._channels)
            and all(commits.get(place, (0, ""))[0] >= ends[place] for place in self._inboxes)
            and all(self._consumer.position(place) >= ends[place] for place in self._read)
            and not self._overdue(end_ms)
        )

    def stored(self) -> bool:
        """Whether history has stored everything that is for it."""
        commits = self._commits(f"{self._group}-history")
        return all(
            commits.get(place, (0, ""))[0] >= end
            for place, end in self._ends.items()
            if self._intake.wants(place.topic)
        )

    def customers(self) -> list[CustomerState]:
        """Return every customer as last written down, but those that have become part of another."""
        found = map(decode_customer, self._states.values())
        return [state for state in found if state is not None and not state.is_pointer]

    def _overdue(self, end_ms: int) -> bool:
        """Whether a customer still waits for a time that has come."""
        return any((at_ms := wake_time(value)) is not None and at_ms <= end_ms for value in self._states.values())

    def _commits(self, group: str) -> dict[TopicPartition, tuple[int, str]]:
        found = self._admin.list_group_offsets(group)[group]
        return {place: (said.offset, said.metadata) for place, said in found.items()}
