"""The Kafka side of history: poll, write, commit. A group of its own, so a slow database slows no trigger.

An offset is committed only after its rows are stored, and rows stored twice are one row to whoever asks. So a crash
at any moment loses nothing and shows nothing twice, and there is nothing to recover.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import OffsetAndMetadata

from pipeline import metrics
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.intake import Intake
from pipeline.history.rows import Row, refused_here
from pipeline.history.writer import HistoryWriter
from pipeline.settings import Settings
from pipeline.streaming.ingest import Fuse

Clock = Callable[[], float]

WRITE_EVERY_SECONDS: Final = 1.0  # a part per table and second is what a merge tree likes; readers wait no longer
FULL_ROWS: Final = 30_000  # some 100 MB as Python objects
FULL_BYTES: Final = 32 << 20
FETCH_BYTES: Final = 8 << 20
POLL_MESSAGES: Final = 200
POLL_MS: Final = 200  # how soon a stop is noticed
RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)  # then always the last
COMPLAIN_EVERY_SECONDS: Final = 30.0
BOOTSTRAP_TIMEOUT_MS: Final = 5_000
RECONNECT_MS: Final = 1_000  # at most this long between two looks for a broker that has gone
COMMIT_TIMEOUT_MS: Final = 10_000
NEW_TOPICS_MS: Final = 5_000  # a new rule's topic is found within this
JOIN_MS: Final = 10_000  # the longest that a settling group holds up a stop; it settles within a heartbeat or two

log = logging.getLogger(__name__)


def consumer_for(settings: Settings) -> KafkaConsumer:
    """Return the group's consumer, subscribed to all that history keeps. Raises KafkaError: no broker answers."""
    intake = Intake(settings)
    consumer = KafkaConsumer(
        bootstrap_servers=(settings.bootstrap or "").split(","),
        group_id=f"{settings.topic_prefix}{settings.app_id}-history",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        session_timeout_ms=max(settings.session_timeout_ms, 6_000),
        heartbeat_interval_ms=min(settings.heartbeat_ms, 2_000),
        fetch_max_bytes=FETCH_BYTES,
        max_poll_records=POLL_MESSAGES,
        metadata_max_age_ms=NEW_TOPICS_MS,
        bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        fetch_max_wait_ms=POLL_MS,
        reconnect_backoff_max_ms=RECONNECT_MS,
    )
    exact = (intake.inbox, intake.decisions, intake.identity_changes, intake.dead_letters)
    names = [re.escape(name) for name in exact] + [re.escape(intake.triggers) + ".+"]
    consumer.subscribe(pattern=f"^(?:{'|'.join(names)})$")
    _finish_joining(consumer)
    return consumer


def _finish_joining(consumer: KafkaConsumer) -> None:
    """Let the consumer finish a join that it has begun, however short the polls are.

    kafka-python 3.0.12 takes the group for joined as soon as the leader has sent its assignment. If the poll that began
    the join has run out of time by then, no later one looks at the answer: the consumer stays with its old partitions,
    sends no more heartbeats, and never sees the new topic that was the reason to join again.
    """
    coordinator = consumer._coordinator
    need_rejoin, ensure_active_group = coordinator.need_rejoin, coordinator.ensure_active_group
    coordinator.need_rejoin = lambda: coordinator.rejoining or need_rejoin()
    coordinator.ensure_active_group = lambda timeout_ms=None: ensure_active_group(JOIN_MS)


class Sink:
    """One consumer, one writer, one thread. Holds at most `FULL_ROWS` rows and what one poll adds to them."""

    def __init__(
        self,
        consumer: KafkaConsumer,
        settings: Settings,
        open_writer: Callable[[], HistoryWriter],
        clock: Clock = time.monotonic,
    ) -> None:
        """`open_writer` is called now, and again after the database was away. `clock` counts seconds."""
        self._consumer = consumer
        self._intake = Intake(settings)
        self._fuses: defaultdict[TopicPartition | None, Fuse] = defaultdict(  # None: of what the database refuses
            lambda: Fuse(settings.fuse_invalid_ratio, settings.fuse_min_records)
        )
        self._open_writer = open_writer
        self._clock = clock
        self._writer: HistoryWriter | None = None
        self._rows: list[Row] = []
        self._bytes = 0
        self._next: dict[TopicPartition, int] = {}
        self._taken: dict[TopicPartition, int] = {}
        self._written_at = float("-inf")
        self._complained_at = float("-inf")
        self.stored = 0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then store what is in hand, once, and commit it.

        Raises UnknownVersion, and FuseBlown where far too much cannot be read or stored: what is not committed then is
        read again by whoever comes next.
        """
        while not stop.is_set():
            self._take(self._wait_ms())
            if self._due():
                self._store(stop)
        try:
            self._write_once()
        except HistoryUnavailable as error:
            log.warning("stopped with %d rows not stored; they are read again: %s", len(self._rows), error)
        else:
            self._commit()

    def close(self) -> None:
        """Leave the group and let go of the database."""
        self._consumer.close(autocommit=False)
        if self._writer is not None:
            self._writer.close()

    def _take(self, timeout_ms: int) -> None:
        try:
            polled = self._consumer.poll(timeout_ms=timeout_ms)
        except AuthorizationError:
            raise
        except KafkaError as error:  # the client gives up a call, not the connection: it looks for the broker again
            self._complain(f"Kafka does not answer, trying again for as long as it takes: {error}")
            time.sleep(POLL_MS / 1000)
            return
        for place, messages in polled.items():
            rows = [row for message in messages for row in self._intake.rows_of(message)]
            refused = refused_here(rows)
            for letter in refused:
                self._complain(f"{place.topic}/{place.partition}, offset {letter.offset} is refused: {letter.detail}")
                metrics.HISTORY_REFUSED.labels(letter.reason).inc()
            example = refused[0].detail if refused else ""
            self._fuses[place].note(len(rows), len(refused), f"{place.topic}/{place.partition}", example)
            self._rows += rows
            self._bytes += sum(len(message.value or b"") for message in messages)
            self._next[place] = self._taken[place] = messages[-1].offset + 1
        self._measure()

    def _measure(self) -> None:
        """Set the gauges. The first row in hand stands for the oldest: partitions are read at about the same pace.

        A partition counts once something of it was taken: only then is it known how far it is read.
        """
        waits = time.time() - self._rows[0].origin.appended_at_ms / 1000 if self._rows else 0.0
        metrics.HISTORY_DELAY_SECONDS.set(max(0.0, waits))
        lag: Counter[str] = Counter()
        for place in self._consumer.assignment() & self._taken.keys():
            lag[place.topic] += (self._consumer.highwater(place) or 0) - self._taken[place]
        metrics.HISTORY_LAG.clear()
        for topic, records in lag.items():
            metrics.HISTORY_LAG.labels(topic).set(max(0, records))

    def _wait_ms(self) -> int:
        if not self._next:
            return POLL_MS
        left = self._written_at + WRITE_EVERY_SECONDS - self._clock()
        return max(0, min(POLL_MS, int(left * 1000)))

    def _due(self) -> bool:
        if not self._next:
            return False
        if len(self._rows) >= FULL_ROWS or self._bytes >= FULL_BYTES:
            return True
        return self._clock() - self._written_at >= WRITE_EVERY_SECONDS

    def _store(self, stop: threading.Event) -> None:
        """Write and commit; while the database is away, wait for it without leaving the group or taking more in."""
        attempt = 0
        while not stop.is_set():
            try:
                self._write_once()
            except HistoryUnavailable as error:
                self._complain(f"cannot store {len(self._rows)} rows, trying again for as long as it takes: {error}")
                self._linger(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)], stop)
                attempt += 1
            else:
                if attempt:
                    log.warning("the history is back; all rows are stored")
                self._commit()
                return

    def _write_once(self) -> None:
        if not self._rows:
            self._written_at = self._clock()  # what holds no rows is committed once a second as well
            return
        try:
            if self._writer is None:
                self._writer = self._open_writer()
            refused = self._writer.write(self._rows)
        except (HistoryUnavailable, QueryRefused) as error:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if isinstance(error, QueryRefused):  # a migration that fails now may work once an operator has helped
                raise HistoryUnavailable(str(error)) from error
            raise
        self._fuses[None].note(len(self._rows), refused, "the database", "The log has the reasons")
        self.stored += len(self._rows)
        self._rows, self._bytes = [], 0
        self._written_at = self._clock()

    def _linger(self, seconds: float, stop: threading.Event) -> None:
        """Wait, polling with everything paused: that keeps the membership, and brings in nothing or very little."""
        until = self._clock() + seconds
        while not stop.is_set() and self._clock() < until:
            self._consumer.pause(*self._consumer.assignment())
            self._take(POLL_MS)
        self._consumer.resume(*self._consumer.assignment())

    def _commit(self) -> None:
        """Commit what is stored; what fails is committed with the next rows, or read again by whoever comes next."""
        mine = self._consumer.assignment()
        offsets = {place: OffsetAndMetadata(offset, "", -1) for place, offset in self._next.items() if place in mine}
        if offsets:
            try:
                self._consumer.commit(offsets, timeout_ms=COMMIT_TIMEOUT_MS)
            except KafkaError as error:
                self._complain(f"offsets not committed, their rows may be read again: {error}")
                self._written_at = self._clock()  # try again with the next rows, or in a second
                return
        self._next = {}

    def _complain(self, trouble: str) -> None:
        if self._clock() - self._complained_at >= COMPLAIN_EVERY_SECONDS:
            self._complained_at = self._clock()
            log.warning(trouble)
