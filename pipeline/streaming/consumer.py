"""What the consumers of both transports have in common: fetches and seeks that do not mix, commits of what is durable.

What differs from Faust's consumer, each for a loss or a standstill that was seen happening:

- Fetch and delivery are one step under a lock, and so is every seek. Otherwise records fetched before a seek arrive
  after it, and the records in between are skipped for good.
- What was fetched before the flow was last stopped is dropped whole; the seek that follows brings it back.
- A partition without a committed offset is sought to its earliest record. Faust leaves it where the first,
  dropped fetch put it.
- What may be committed is what the lanes have made durable, not what the stream iterator has moved past. A commit that
  failed is tried again; Faust takes it for done, and its lag stays.
- Commits happen before revocation, while the partitions are still ours.
- A partition that ends before what is committed is read on where it is new. The client would begin at its earliest
  record, and all below the committed offset would be taken for handled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.transport.drivers.aiokafka import Producer as KafkaProducer
from faust.types import TP

from pipeline import metrics

log = logging.getLogger(__name__)

FETCH_MAX_WAIT_MS = 100
"""How long the broker holds a fetch that finds nothing. Every other request on the connection waits behind it; Faust's
1,500 ms make each seek and commit of a quiet worker that slow."""

UNREAD_WAIT_SECONDS = 0.005
"""How long the client waits, before it fetches again, for records it holds to be taken. With its own 100 ms one
partition without room held up all others, and each step of the path took 100 ms."""

FETCH_WAIT_SECONDS = 0.2
"""How long one fetch waits for records. A seek waits for the fetch under way, so this bounds what a rebalance loses."""

COMMIT_SECONDS = 3.0
"""How long a commit may hold up a revocation or the end of the worker; it takes milliseconds."""

OnFlowing: TypeAlias = Callable[[Mapping[TP, int], Mapping[TP, int]], Awaitable[None]]


class LaneConsumerThread(AIOKafkaConsumerThread):
    """The thread that owns the Kafka client; commits carry the watermark of their partition as metadata."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        """Start the client."""
        await super().on_start()
        self._ensure_consumer()._fetcher._prefetch_backoff = UNREAD_WAIT_SECONDS

    async def commits(self) -> dict[TP, OffsetAndMetadata]:
        """Return what the group has committed of the partitions we were assigned."""
        wanted = [ensure_aiokafka_TP(tp) for tp in self.assignment()]
        found = await self.call_thread(self._ensure_consumer()._coordinator.fetch_committed_offsets, wanted)
        return {TP(*tp): said for tp, said in found.items()}

    async def first_after(self, tp: TP, time_ms: int | None, end: int) -> int:
        """Return the first offset after a time, `end` if there is none, or the earliest where there is no time."""
        place, client = ensure_aiokafka_TP(tp), self._ensure_consumer()
        if time_ms is None:
            earliest = await self.call_thread(client.beginning_offsets, [place])
            return int(earliest[place])
        found = (await self.call_thread(client.offsets_for_times, {place: time_ms + 1}))[place]
        return end if found is None else int(found.offset)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        watermarks: dict[TP, int] = self.consumer.watermarks  # type: ignore[attr-defined]
        assignment = self.assignment()
        wanted = {
            ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, str(watermarks.get(tp, "")))
            for tp, offset in offsets.items()
            if tp in assignment
        }
        try:
            await self._ensure_consumer().commit(wanted)
        except (CommitFailedError, IllegalStateError):
            return False  # rebalanced meanwhile: the next owner reads it again
        except KafkaError as error:
            if not error.retriable:
                await self.crash(error)
            self.log.warning("Commit failed, will be tried again: %r", error)
            return False
        except RuntimeError as error:
            if "handler is closed" not in str(error):  # uvloop's word for a connection that the broker has just closed
                raise
            self.log.warning("Commit failed, will be tried again: %r", error)
            return False
        return True


def said_watermarks(commits: Mapping[TP, OffsetAndMetadata]) -> dict[TP, int]:
    """Return the watermarks that were said with commits."""
    return {tp: int(said.metadata) for tp, said in commits.items() if said.metadata}


class LaneConsumer(KafkaConsumer):
    """Faust's consumer as lanes need it. See the module's text for what differs and why."""

    _thread: LaneConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with nothing durable and nothing said; the rest is Faust's."""
        #: Next offset to commit per partition: everything before it is durable.
        self.durable: dict[TP, int] = {}
        #: What is said with each commit: how far the time of this partition's source has come (ms).
        self.watermarks: dict[TP, int] = {}
        #: Where reading began after the last seek.
        self.started_at: dict[TP, int] = {}
        #: Raised whenever the flow stops: what was fetched before is void.
        self.epoch = 0
        self._committed: dict[TP, tuple[int, int | None]] = {}
        self._delivering = asyncio.Lock()
        #: Set by the lanes: stop work on partitions about to be revoked, started work done.
        self.on_revoking: Callable[[], Awaitable[None]] | None = None
        #: Set by the lanes: partitions are recovered, sought and about to flow; from where, and their watermarks.
        self.on_flowing: OnFlowing | None = None
        #: Set by the lanes: the watermarks to say with the next commit.
        self.on_committing: Callable[[], dict[TP, int]] = dict
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def stop_flow(self) -> None:
        """Stop delivery: whatever a fetch under way brings is dropped."""
        self.epoch += 1
        super().stop_flow()

    def on_durable(self, tp: TP, next_offset: int) -> None:
        """Note that everything before `next_offset` is durable: it may be committed."""
        self.durable[tp] = next_offset

    # --- seeking ------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Go to what is committed, or to the earliest record where nothing is."""
        async with self._delivering:
            commits = await self._thread.commits()
            start = {tp: said.offset for tp, said in commits.items()} | await self._after_the_cut(commits)
            fresh = {tp for tp in self.assignment() if tp not in start and not self._is_changelog_tp(tp)}
            if fresh:
                earliest = await self._thread.earliest_offsets(*map(ensure_aiokafka_TP, fresh))
                start.update({TP(*tp): offset for tp, offset in earliest.items()})
            await self._thread.seek_wait(start)
            self.started_at = {tp: offset for tp, offset in start.items() if not self._is_changelog_tp(tp)}
            # As if said already: an older watermark stays until there is a newer one.
            self._committed = {tp: (offset, None) for tp, offset in self.started_at.items()}
            self.durable.clear()
            if self.on_flowing is not None:
                await self.on_flowing(self.started_at, said_watermarks(commits))

    async def _after_the_cut(self, commits: Mapping[TP, OffsetAndMetadata]) -> dict[TP, int]:
        """Return where to go on with partitions that end before what is committed: records are gone, new ones came.

        Where a watermark was said, at the first record after it. Without one from the beginning: an inbox knows from
        its envelopes what it has handled.
        """
        said = {tp: commit for tp, commit in commits.items() if not self._is_changelog_tp(tp)}
        ends = await self._thread.highwaters(*map(ensure_aiokafka_TP, said)) if said else {}
        cut = {TP(*tp): end for tp, end in ends.items() if end < said[TP(*tp)].offset}
        start = dict[TP, int]()
        for tp, end in cut.items():
            watermark = said_watermarks({tp: said[tp]}).get(tp)
            start[tp] = await self._thread.first_after(tp, watermark, end)
            metrics.LOGS_CUT.labels(tp.topic).inc()
            log.error(
                "%s/%d has lost its end: it was handled up to offset %d and now ends at %d, so the broker has lost "
                "records, or the topic was made anew. It is read on from offset %d; what was lost before it was "
                "handled is missing, and whoever sent it can send it again: what came already does not count twice",
                tp.topic, tp.partition, said[tp].offset - 1, end, start[tp],
            )  # fmt: skip
        return start

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, with no fetch under way."""
        async with self._delivering:
            await super().seek_wait(partitions)

    # --- committing ---------------------------------------------------------------------------------------------

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what has become durable, and the watermarks that moved, since last time."""
        self.watermarks = self.on_committing()
        said = {tp: (offset, self.watermarks.get(tp)) for tp, offset in self.durable.items()}
        offsets = {tp: said[tp][0] for tp in said if said[tp] != self._committed.get(tp)}
        if not offsets:
            return False
        done = await self._thread.commit(offsets)
        if done:
            self._committed.update({tp: said[tp] for tp in offsets})
        return done

    async def commit_now(self) -> None:
        """Commit what is durable by now. `commit` does nothing while another commit, begun earlier, is under way.

        What is not committed is only repeated. So it gives up where nobody may answer: after a crash the thread that
        commits has ended, or is about to.
        """
        if self.crashed:
            return
        if self._commit_fut is not None:
            await asyncio.wait([self._commit_fut], timeout=COMMIT_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMIT_SECONDS):
                await self.force_commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit while the partitions are still ours, then let Faust give them up."""
        self.stop_flow()
        if self.on_revoking is not None:
            await self.on_revoking()
        await self.commit_now()
        self.durable.clear()
        await super().on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """Finish, commit, leave."""
        self.stop_flow()
        if self.on_revoking is not None:
            await self.on_revoking()
        await self.commit_now()  # Faust's own would wait for ever if the thread has ended

    # --- what Faust's consumer would look at --------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: commits do not count acknowledgements."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # type: ignore[override]
        return iter(())

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust's detector compares monotonic with wall time; lag is on `/metrics`."""


class OnceProducer(KafkaProducer):
    """Producer whose retries append once: so a record between two of ours in a changelog is always somebody else's."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}
