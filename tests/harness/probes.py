"""Events whose whole way runs through chosen partitions, and how long each takes to its customer's changelog."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.actor import founded_by
from pipeline.domain.messages.keys import customer_key, identity_key
from pipeline.streaming.partition import shard
from pipeline.topics import changelog_topic, channel_topic, inbox_topic
from tests.harness.installation import Installation
from tests.harness.waiting import wait_until

PROBES_PER_SECOND = 20


class Way(NamedTuple):
    """The partitions an event passes, all of them owned by `member` of the group."""

    member: str
    channel: int
    identity: int
    customer: int


def ways(installation: Installation) -> list[Way]:
    """Return one way through each of the two workers, once both have their share."""
    found: dict[str, set[tuple[str, int]]] = {}

    def both() -> bool:
        nonlocal found
        found = installation.members()
        return len(found) == 2 and all(found.values())

    wait_until(both, "two workers share the partitions")
    settings = installation.settings
    topics = channel_topic(settings, "web"), inbox_topic(settings, "identity"), inbox_topic(settings, "customer")
    chosen = []
    for member, owned in found.items():
        numbers = [min(number for topic, number in owned if topic == wanted) for wanted in topics]
        chosen.append(Way(member, *numbers))
    return chosen


class Probes:
    """Sends probes along `ways` until it is stopped; `pauses` tells the longest that one took."""

    def __init__(self, installation: Installation, chosen: list[Way]) -> None:
        self._installation = installation
        self._ways = chosen
        self._sent: dict[bytes, tuple[str, float]] = {}
        self._took: dict[bytes, float] = {}
        self._stopping = threading.Event()
        topic = changelog_topic(installation.settings, "customer")
        self._consumer: Any = Consumer(
            {"bootstrap.servers": installation.bootstrap, "group.id": "probes", "fetch.wait.max.ms": 10}
        )
        places = [TopicPartition(topic, way.customer) for way in chosen]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, 20)[1]
        self._consumer.assign(places)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._watch)]
        for thread in self._threads:
            thread.start()

    def _accounts(self, way: Way) -> Iterator[tuple[str, bytes]]:
        """Yield accounts that go this way, with their key in the changelog."""
        partitions = self._installation.partitions
        for number in count():
            anchor = ("account", f"{way.member[-6:]}-{number}")
            key = customer_key("default", founded_by("default", anchor))
            there = shard(identity_key("default", anchor), partitions), shard(key, partitions)
            if there == (way.identity, way.customer):
                yield anchor[1], key.encode()

    def _send(self) -> None:
        accounts = {way: self._accounts(way) for way in self._ways}
        while not self._stopping.wait(1 / PROBES_PER_SECOND):
            for way, fresh in accounts.items():
                account, key = next(fresh)
                event = ChannelEvent(account, "page_viewed", "web", int(time.time() * 1000), {"account": account})
                self._sent[key] = (way.member, time.monotonic())
                self._installation.send(event, way.channel)

    def _watch(self) -> None:
        while not self._stopping.is_set() or len(self._took) < len(self._sent):
            for message in self._consumer.consume(100, 0.02):
                if not message.error() and message.key() in self._sent:
                    self._took.setdefault(message.key(), time.monotonic() - self._sent[message.key()][1])

    def stop(self) -> None:
        """Send no more, and wait for those under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
        self._consumer.close()
        assert len(self._took) == len(self._sent), f"{len(self._sent) - len(self._took)} probes never arrived"

    def pauses(self) -> dict[str, float]:
        """Return, by the member that owned the way at first, the longest a probe took (s)."""
        longest: dict[str, float] = {}
        for key, seconds in self._took.items():
            member = self._sent[key][0]
            longest[member] = max(longest.get(member, 0.0), seconds)
        return longest

    def usual(self) -> float:
        """Return the median of what probes took (s)."""
        return sorted(self._took.values())[len(self._took) // 2]
