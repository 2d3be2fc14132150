"""Where the events travel: a local Apache Kafka of this project's own, Docker's, a given one, or memory."""

from __future__ import annotations

from pipeline.errors import UNREACHABLE, OmniError
from pipeline.settings import Settings


class BrokerError(OmniError):
    """A broker cannot be had: the message says why, and what would help."""

    exit_code = UNREACHABLE


def bootstrap_of(settings: Settings) -> str:
    """Return the address of the broker. Raises BrokerError if none is named."""
    if settings.bootstrap is None:
        raise BrokerError("No Kafka is named. Start one: omni kafka start, or set KAFKA_BOOTSTRAP.")
    return settings.bootstrap
