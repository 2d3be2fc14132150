"""The Kafka side of history: poll, write, commit. A group of its own, so a slow database slows no trigger.

An offset is committed only after its rows are stored, and rows stored twice are one row to whoever asks. So a crash
at any moment loses nothing and shows nothing twice, and there is nothing to recover.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import OffsetAndMetadata

from pipeline import metrics
from pipeline.history.ages import Ages
from pipeline.history.batch import Batch
from pipeline.history.consumer import POLL_MS
from pipeline.history.engine import HistoryUnavailable, QueryRefused, RowsRefused
from pipeline.history.intake import Intake, Message
from pipeline.history.rows import Row, refused_here
from pipeline.history.writer import HistoryWriter
from pipeline.settings import Settings
from pipeline.streaming.ingest import Fuse

Clock = Callable[[], float]

WRITE_EVERY_SECONDS: Final = 1.0  # a part per table and second is what a merge tree likes; readers wait no longer
COLLECT_SECONDS: Final = 0.5  # at least so long between two writes: a slow database is to get many rows at a time
FULL_ROWS: Final = 250_000  # more than a core can do in a second; some 150 MB, twice while they are sent
FULL_BYTES: Final = 96 << 20  # of messages, where they are large
AGAIN_ROWS: Final = 2_000  # taken at once where rows are looked at one by one: where none is good, 4,000 inserts
RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)  # then always the last
COMPLAIN_EVERY_SECONDS: Final = 30.0
MEASURE_EVERY_SECONDS: Final = 1.0  # lag takes 3 ms for 300 partitions, and there may be 50 polls a second
COMMIT_TIMEOUT_MS: Final = 10_000

log = logging.getLogger(__name__)


class Sink:
    """One consumer, one writer, one thread. Holds at most `FULL_ROWS` rows and what one poll adds to them.

    Rows are held encoded, and beside them the messages they came from: should the database refuse one of the rows, they
    are looked at again one by one.
    """

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
        self._batch = Batch()
        self._messages: list[Message] = []
        self._ages = Ages(settings.channels)
        self._bytes = 0
        self._next: dict[TopicPartition, int] = {}
        self._taken: dict[TopicPartition, int] = {}
        self._written_at = float("-inf")
        self._complained_at = float("-inf")
        self._measured_at = float("-inf")
        self.stored = 0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then store what is in hand, once, and commit it.

        Raises UnknownVersion, and FuseBlown where far too much cannot be read or stored: what is not committed then is
        read again by whoever comes next.
        """
        while not stop.is_set():
            self._take(self._wait_ms())
            if self._full():
                self._linger(self._left_seconds(), stop)
            if self._due():
                self._store(stop)
        try:
            self._write_once()
        except HistoryUnavailable as error:
            log.warning("stopped with %d rows not stored; they are read again: %s", self._batch.rows, error)
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
            self._tell_of_gap(place, messages[0].offset)
            taken = 0
            refused = []
            for message in messages:
                rows = self._intake.rows_of(message)
                taken += len(rows)
                refused += refused_here(rows)
                self._batch.add(rows)
                self._ages.add(message.topic, rows)
                self._bytes += len(message.value or b"")
            self._messages += messages
            for letter in refused:
                # Not its detail, which may quote what customers have written.
                where = f"{place.topic}/{place.partition}, offset {letter.offset}"
                self._complain(f"{where} is refused: {letter.reason}; its dead letter says more")
                metrics.HISTORY_REFUSED.labels(letter.reason).inc()
            example = refused[0].detail if refused else ""
            self._fuses[place].note(taken, len(refused), f"{place.topic}/{place.partition}", example)
            self._next[place] = self._taken[place] = messages[-1].offset + 1
        self._measure()

    def _tell_of_gap(self, place: TopicPartition, first: int) -> None:
        """Count and tell what is gone from Kafka, unread: nothing else would show that the history has a hole."""
        before = self._taken.get(place)
        if before is None:
            with suppress(KafkaError):  # told another time
                before = self._consumer.committed(place, timeout_ms=COMMIT_TIMEOUT_MS)
        if before is not None and first > before:
            metrics.count("offsets_skipped", place.topic, first - before, ())
            shown = f"{place.topic}/{place.partition}: records {before} to {first - 1}"
            log.warning("%s are gone, not stored: Kafka kept them for less time than history was away", shown)

    def _measure(self) -> None:
        """Set the gauges. The first message in hand stands for the oldest: partitions are read at about the same pace.

        A partition counts once something of it was taken: only then is it known how far it is read.
        """
        waits = time.time() - self._messages[0].timestamp / 1000 if self._batch.rows else 0.0
        metrics.HISTORY_DELAY_SECONDS.set(max(0.0, waits))
        mine = self._consumer.assignment()  # what another has had meanwhile is read further than we took it
        self._taken = {place: taken for place, taken in self._taken.items() if place in mine}
        if self._clock() - self._measured_at < MEASURE_EVERY_SECONDS:
            return
        self._measured_at = self._clock()
        lag: dict[tuple[str, ...], float] = {
            (place.topic, str(place.partition)): max(0, (self._consumer.highwater(place) or 0) - taken)
            for place, taken in self._taken.items()
        }
        metrics.show(metrics.HISTORY_LAG, lag)

    def _wait_ms(self) -> int:
        if not self._next:
            return POLL_MS
        return max(0, min(POLL_MS, int(self._left_seconds() * 1000)))

    def _left_seconds(self) -> float:
        return self._written_at + WRITE_EVERY_SECONDS - self._clock()

    def _due(self) -> bool:
        return bool(self._next) and self._left_seconds() <= 0

    def _full(self) -> bool:
        return self._batch.rows >= FULL_ROWS or self._bytes >= FULL_BYTES

    def _store(self, stop: threading.Event) -> None:
        """Write and commit; while the database is away, wait for it without leaving the group or taking more in."""
        attempt = 0
        while not stop.is_set():
            try:
                self._write_once()
            except HistoryUnavailable as error:
                self._complain(f"cannot store {self._batch.rows} rows, trying again for as long as it takes: {error}")
                self._linger(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)], stop)
                attempt += 1
            else:
                if attempt:
                    log.warning("the history is back; all rows are stored")
                self._commit()
                return

    def _write_once(self) -> None:
        if not self._batch.rows:
            self._messages, self._bytes = [], 0
            self._written_at = self._clock()  # what holds no rows is committed once a second as well
            return
        began = self._clock()
        try:
            if self._writer is None:
                self._writer = self._open_writer()
            self._store_all(self._writer)
        except (HistoryUnavailable, QueryRefused) as error:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if isinstance(error, QueryRefused):  # a migration that fails now may work once an operator has helped
                raise HistoryUnavailable(str(error)) from error
            raise
        self.stored += self._batch.rows
        self._ages.stored()
        self._batch, self._messages, self._bytes = Batch(), [], 0
        # A second from its beginning: what comes while a write goes on would wait for it and for a second more.
        self._written_at = max(began, self._clock() - WRITE_EVERY_SECONDS + COLLECT_SECONDS)

    def _store_all(self, writer: HistoryWriter) -> None:
        """Store the batch, its rows one by one if need be. Raises FuseBlown as soon as far too many are refused."""
        stored: Iterable[tuple[int, int]]
        try:
            writer.store(self._batch)
            stored = [(self._batch.rows, self._batch.refused)]
        except RowsRefused:
            stored = ((len(rows), writer.write(rows)) for rows in self._rows_again())
        for rows, refused in stored:
            self._fuses[None].note(rows, refused, "the database", "The log has the reasons")

    def _rows_again(self) -> Iterator[list[Row]]:
        rows: list[Row] = []
        for message in self._messages:
            rows += self._intake.rows_of(message)
            if len(rows) >= AGAIN_ROWS:
                yield rows
                rows = []
        if rows:
            yield rows

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
