"""A few lines, instead of sixty a second, while Kafka is away: what the Kafka client complains of, summed up."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

SAY_EVERY_SECONDS: Final = 30.0
QUIET_SECONDS: Final = 5.0  # the client tries several times a second, so this long without a complaint is the end
LOOK_EVERY_SECONDS: Final = 1.0
COMPLAINTS: Final = {
    "aiokafka": {
        "Unable connect to node with id %s: %s",
        'Unable connect to "%s:%s": %s',
        "Unable to update metadata from %s",
        'Unable to request metadata from "%s:%s": %s',
        "Unable to request metadata from node with id %s: %r",
    },
    "aiokafka.consumer.fetcher": {"Failed fetch messages from %s: %s"},
    "aiokafka.consumer.group_coordinator": {"Group Coordinator Request failed: %s"},
    "pipeline.streaming.clock": {"The clock waits for the broker: %r"},
}
"""By logger, what is said again with each attempt: the messages as their source has them, before anything is put in."""

log = logging.getLogger(__name__)


class Outage:
    """What to say from the first complaint until there are no more. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        """Begin with nothing to complain of."""
        self.lasts = False
        self._began_at = self._last_at = self._said_at = 0.0
        self._complaints = 0
        self._complaint = ""

    def complain(self, now: float, complaint: str) -> str | None:
        """Note a complaint; return what to say of it, None if that is nothing new."""
        self._last_at, self._complaint = now, complaint
        self._complaints += 1
        if self.lasts:
            return None
        self.lasts, self._began_at, self._said_at, self._complaints = True, now, now, 1
        return f"Kafka does not answer, trying again for as long as it takes: {complaint}"

    def look(self, now: float) -> str | None:
        """Return what is to be said by now, None if nothing."""
        if now - self._last_at >= QUIET_SECONDS:
            self.lasts = False
            seconds = self._last_at - self._began_at
            return f"No complaint of Kafka for {QUIET_SECONDS:.0f} s, after {self._complaints:,} in {seconds:.0f} s"
        if now - self._said_at < SAY_EVERY_SECONDS:
            return None
        self._said_at = now
        seconds = now - self._began_at
        return f"Kafka still does not answer: {self._complaints:,} complaints in {seconds:.0f} s, {self._complaint}"


class SumUp(logging.Filter):
    """Holds complaints back, and says in their place what an `Outage` has to say."""

    def __init__(self) -> None:
        """One for all loggers: they complain of the same outage."""
        super().__init__()
        self._outage = Outage()
        self._lock = threading.Lock()  # the client complains from two threads

    def filter(self, record: logging.LogRecord) -> bool:
        """Hold a complaint back; let everything else pass."""
        if record.msg not in COMPLAINTS[record.name]:
            return True
        with self._lock:
            said = self._outage.complain(time.monotonic(), record.getMessage())
        if said is not None:
            log.error(said)
            threading.Thread(target=self._watch, name="outage", daemon=True).start()
        return False

    def _watch(self) -> None:
        lasts = True
        while lasts:
            time.sleep(LOOK_EVERY_SECONDS)
            with self._lock:
                said = self._outage.look(time.monotonic())
                lasts = self._outage.lasts
            if said is not None:
                log.warning(said)


def sum_up_complaints() -> None:
    """From now on, sum up what is complained of in this process while Kafka is away."""
    sum_up = SumUp()
    for name in COMPLAINTS:
        logging.getLogger(name).addFilter(sum_up)
