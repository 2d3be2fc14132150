"""What the consumers of both transports have in common: the client's thread, and what lanes set and are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.transport.drivers.aiokafka import Producer as KafkaProducer
from faust.types import TP

FETCH_MAX_WAIT_MS = 100
"""How long the broker holds a fetch that finds nothing. Every other request on the connection waits behind it; Faust's
1,500 ms make each seek and commit of a quiet worker that slow."""

UNREAD_WAIT_SECONDS = 0.005
"""How long the client waits, before it fetches again, for records it holds to be taken. With its own 100 ms one
partition without room held up all others, and each step of the path took 100 ms."""

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
    """Faust's consumer with what lanes set on it, and what it says of itself."""

    _thread: LaneConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start with nothing durable and nothing said; the rest is Faust's."""
        #: Next offset to commit per partition: everything before it is durable.
        self.durable: dict[TP, int] = {}
        #: What is said with each commit: how far the time of this partition's source has come (ms).
        self.watermarks: dict[TP, int] = {}
        #: Where reading began after the last seek.
        self.started_at: dict[TP, int] = {}
        #: Set by the lanes: stop work on partitions about to be revoked, started work done.
        self.on_revoking: Callable[[], Awaitable[None]] | None = None
        #: Set by the lanes: partitions are recovered, sought and about to flow; from where, and their watermarks.
        self.on_flowing: OnFlowing | None = None
        #: Set by the lanes: the watermarks to say with the next commit.
        self.on_committing: Callable[[], dict[TP, int]] = dict
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> LaneConsumerThread:
        return LaneConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_durable(self, tp: TP, next_offset: int) -> None:
        """Note that everything before `next_offset` is durable: it may be committed."""
        self.durable[tp] = next_offset


class OnceProducer(KafkaProducer):
    """Producer whose retries append once: so a record between two of ours in a changelog is always somebody else's."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {**super()._settings_extra(), "acks": "all", "enable_idempotence": True}
