"""The batch transport: Faust's Kafka transport, handing over whole batches of one partition instead of events.

Stock Faust pays 70–100 µs of framework time per event; here one Faust event carries a `Batch`. What else differs
from the stock consumer, each for a loss that was seen happening:

- Fetch and delivery are one step under a lock, and so is every seek. Otherwise records fetched before a seek arrive
  after it, and the records in between are skipped for good.
- What was fetched before the flow was last stopped is dropped whole; the seek that follows brings it back.
- A partition without a committed offset is sought to its earliest record. Faust leaves it where the first,
  dropped fetch put it.
- What may be committed is what the lanes have made durable, not what the stream iterator has moved past.
- Commits happen before revocation, while the partitions are still ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

import faust
from faust.transport.drivers.aiokafka import Transport as KafkaTransport
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.types import TP, ConsumerMessage, Message

from pipeline.streaming.batch import Batch
from pipeline.streaming.consumer import LaneConsumer, OnceProducer, said_watermarks
from pipeline.streaming.units import Record

FETCH_WAIT_SECONDS = 0.2
"""How long one fetch waits for records. A seek waits for the fetch under way, so this bounds what a rebalance loses."""

HELD_BACK_WAIT_SECONDS = 0.02
"""How long a fetch waits while a partition is left out of it for want of room: about as long as a unit takes."""

COMMIT_SECONDS = 3.0
"""How long a commit may hold up a revocation or the end of the worker; it takes milliseconds."""

FETCH_PAUSE_SECONDS = 0.002
"""Rest between two fetches: what arrives meanwhile shares a fetch, a unit and a round trip. With none, a worker at
1,000 events/s asks so often that it and the broker are slower for it."""


class BatchSchema(faust.Schema[Any, Any]):
    """Passes the value of a message on as it is: a `Batch` from our transport, or raw bytes from the stock one."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:  # noqa: D102
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> Any:
            return create_event(message.key, message.value, message.headers, message)

        return decode


class BatchConsumer(LaneConsumer):
    """Consumer that delivers batches and commits what is durable. See the module's text for what differs and why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with nothing durable; the rest is Faust's."""
        self._committed: dict[TP, tuple[int, int | None]] = {}
        self._delivering = asyncio.Lock()
        #: Raised whenever the flow stops: what was fetched before is void.
        self.epoch = 0
        #: Set by the lanes: whether this partition may be given another batch now.
        self.has_room: Callable[[TP], bool] = lambda _tp: True
        self.room_made = asyncio.Event()
        super().__init__(*args, **kwargs)

    # --- delivery -----------------------------------------------------------------------------------------------

    def stop_flow(self) -> None:
        """Stop delivery: whatever a fetch under way brings is dropped."""
        self.epoch += 1
        super().stop_flow()

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow.wait())
                continue
            active = self._get_active_partitions()
            wanted = {tp for tp in active if self.has_room(tp)}
            if not wanted:
                self.room_made.clear()
                await self.wait(self.room_made.wait(), timeout=FETCH_WAIT_SECONDS)
                continue
            async with self._delivering:
                epoch = self.epoch
                wait_seconds = FETCH_WAIT_SECONDS if len(wanted) == len(active) else HELD_BACK_WAIT_SECONDS
                records = await self._thread.getmany(wanted, wait_seconds)
                for tp, fetched in records.items():
                    if self.epoch != epoch or not self.flow_active:
                        break
                    if fetched:
                        await self._deliver(tp, fetched)
            await asyncio.sleep(FETCH_PAUSE_SECONDS)

    async def _deliver(self, tp: TP, fetched: list[Any]) -> None:
        last = fetched[-1]
        highwater = self.highwater(tp)
        batch = Batch(
            tp.topic,
            tp.partition,
            [Record(r.offset, r.timestamp, r.key, r.value) for r in fetched],
            int(time.time() * 1000),
            highwater is None or last.offset + 1 >= highwater,
            self.epoch,
        )
        message = ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, last.timestamp_type, None, None,
            cast(Any, batch), None, tp=tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        await self.callback(message)
        self._read_offset[tp] = last.offset

    # --- seeking ------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Go to what is committed, or to the earliest record where nothing is."""
        async with self._delivering:
            commits = await self._thread.commits()
            start = {tp: said.offset for tp, said in commits.items()}
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

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, with no fetch under way."""
        async with self._delivering:
            await super().seek_wait(partitions)

    def on_durable(self, tp: TP, next_offset: int) -> None:
        """Note that everything before `next_offset` is durable: it may be committed, and there may be room again."""
        super().on_durable(tp, next_offset)
        self.room_made.set()

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

    # --- what the stock consumer would look at --------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: commits do not count acknowledgements."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # type: ignore[override]
        return iter(())

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the stock detector compares monotonic with wall time; lag is on `/metrics`."""


class BatchTransport(KafkaTransport):
    """Faust transport with the batch consumer."""

    Consumer: ClassVar[type[Any]] = BatchConsumer
    Producer: ClassVar[type[Any]] = OnceProducer
