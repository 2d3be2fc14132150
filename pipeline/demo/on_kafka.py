"""The demo on a real Kafka: broker, worker and history as processes, fed and watched from here."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from kafka.errors import KafkaError
from msgspec.structs import replace

from pipeline.broker import BrokerError
from pipeline.broker.bus import Bus, open_bus
from pipeline.broker.local import LocalKafka
from pipeline.broker.topic_admin import connected, create_topics
from pipeline.clients.publisher import Publisher
from pipeline.demo.children import Children, Fault, last_words
from pipeline.demo.folder import write_config
from pipeline.demo.observer import Observer
from pipeline.demo.stream import Stream, paced
from pipeline.demo.tally import Summary, Tally
from pipeline.domain.event_types import END_OF_STREAM, STREAM_TIME
from pipeline.domain.rules.in_force import Rules
from pipeline.history.columns import TABLES
from pipeline.history.reader import open_reader
from pipeline.settings import Settings
from pipeline.topics import topics
from pipeline.wire.normalise import Normalised

READY_SECONDS: Final = 90.0  # 3–5 s on an idle machine
STALLED_SECONDS: Final = 60.0
"""Nothing written anywhere for so long, with work left: something is broken that did not end."""
LOOK_SECONDS: Final = 0.25
TELL_EVENTS: Final = 2_000
"""The stream's clock is told this often (events), or every `LOOK_SECONDS`."""


class KafkaDemo:
    """One run. `play` gives the summary; the processes stay until the block ends."""

    def __init__(self, settings: Settings, bus: Bus, children: Children, observer: Observer, tally: Tally) -> None:
        """`settings` are the run's own, with the broker's address."""
        self.settings = settings
        self._bus = bus
        self._children = children
        self._observer = observer
        self._tally = tally
        self._broker = LocalKafka(settings.data_dir) if bus.kind == "local" else None
        self._looked_at = 0.0

    def play(
        self, stream: Stream, seconds: float, progress: Callable[[int], None], say: Callable[[str], None]
    ) -> Summary:
        """Play the stream in `seconds` (0: as fast as it goes), wait until all has come of it, count."""
        self._wait_ready()
        say("The worker is ready. Playing:")
        began = time.monotonic()
        published, rejected = self._publish(stream, seconds, progress)
        self._wait(lambda: self._observer.settled(stream.end_ms))
        self._wait(self._observer.stored)
        customers = self._observer.customers()
        return Summary(
            bus="kafka",
            broker=self.settings.bootstrap,
            events=sum(customer.events for customer in customers),
            customers=len(customers),
            merges=self._tally.merges,
            triggers=self._tally.triggers,
            decisions=self._tally.decisions,
            dead_letters=self._tally.dead_letters,
            history_rows=self._history_rows(),
            seconds=round(time.monotonic() - began, 3),
            published=published,
            rejected=rejected,
        )

    def watch(self) -> None:
        """Go on showing what comes, until Ctrl-C."""
        while True:
            self._observer.poll(LOOK_SECONDS)
            self._check()

    def _publish(self, stream: Stream, seconds: float, progress: Callable[[int], None]) -> tuple[int, int]:
        published = rejected = untold = 0
        newest_ms = 0
        with Publisher(self.settings) as publisher:
            for read in paced(stream, seconds, lambda left: self._observer.poll(min(left, LOOK_SECONDS))):
                if not isinstance(read, Normalised):
                    rejected += 1
                    continue
                publisher.send(read.event, read.identifiers)
                published += 1
                untold += 1
                newest_ms = max(newest_ms, read.event.occurred_at_ms)
                if untold >= TELL_EVENTS or time.monotonic() - self._looked_at >= LOOK_SECONDS:
                    publisher.control(STREAM_TIME, newest_ms - 1)  # the next event may share the millisecond
                    untold = 0
                    self._observer.poll(0)
                    self._check()
                    progress(published)
            publisher.control(END_OF_STREAM, stream.end_ms)
        return published, rejected

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _ready(self.settings.web_port):
            self._check()
            if time.monotonic() > deadline:
                raise Fault(f"The worker was not ready in {READY_SECONDS:.0f} s. {self._children.last_words()}")
            time.sleep(LOOK_SECONDS)

    def _wait(self, done: Callable[[], bool]) -> None:
        while not done():
            self._observer.poll(LOOK_SECONDS)
            self._check()
            if self._observer.still_seconds() > STALLED_SECONDS:
                raise Fault(f"Nothing has moved for {STALLED_SECONDS:.0f} s. {self._children.last_words()}")

    def _check(self) -> None:
        self._looked_at = time.monotonic()
        if self._broker is not None and self._broker.status() is None:
            raise Fault(f"The broker has ended. {last_words(self._broker.log)}")
        self._children.check()

    def _history_rows(self) -> dict[str, int]:
        with closing(open_reader(self.settings)) as reader:
            views = [table.view for table in TABLES.values()]
            return {view: int(reader.query(f"SELECT count() FROM {view}").rows[0][0]) for view in views}


@contextmanager
def kafka_demo(settings: Settings, bus: Bus, rules: Rules, tally: Tally) -> Iterator[KafkaDemo]:
    """Start broker, worker and history; at the end stop what was started, and leave nothing on a broker that stays.

    Raises BrokerError, Fault.
    """
    with open_bus(settings, bus) as opened:
        settings = replace(settings, bootstrap=opened.bootstrap)
        names = [rule.name for rule in rules.rules]
        wanted = topics(settings, names)
        create_topics(settings.bootstrap or "", wanted)
        try:
            config = write_config(settings)
            with Children(settings.data_dir, config) as children:
                children.start("worker")
                children.start("history")
                with closing(Observer(settings, names, tally.note)) as observer:
                    yield KafkaDemo(settings, opened, children, observer, tally)
        except KafkaError as error:
            raise BrokerError(f"Kafka at {settings.bootstrap} failed: {error!r}. Is it still running?") from error
        finally:
            if opened.kind != "local":
                _remove(settings, [topic.name for topic in wanted])


def _remove(settings: Settings, names: list[str]) -> None:
    group = settings.topic_prefix + settings.app_id
    with connected(settings.bootstrap or "") as admin:
        admin.delete_topics(names, raise_errors=False)
        admin.delete_groups([group, f"{group}-history"])


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
