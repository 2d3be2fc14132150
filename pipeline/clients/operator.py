"""What an operator asks of the identity graph: an event like any other, and what the workers answer to it."""

from __future__ import annotations

from typing import Final

from pipeline.clients.follower import listening
from pipeline.clients.lookup import identity_change_in
from pipeline.clients.publisher import Publisher
from pipeline.domain.records import IdentityChange
from pipeline.settings import Settings
from pipeline.topics import IDENTITY_CHANGES, prefixed
from pipeline.wire.normalise import Normalised

ANSWERS: Final = frozenset({"unmerged", "blocked", "refused"})


def ask(settings: Settings, asked: Normalised, seconds: float) -> IdentityChange | None:
    """Publish the event and return what was answered; None if nothing was within `seconds`. Raises BrokerError."""
    with listening(settings, prefixed(settings, IDENTITY_CHANGES)) as news:
        with Publisher(settings) as publisher:
            publisher.send(asked.event, asked.identifiers)
        for record in news(seconds):
            change = identity_change_in(record)
            if change is not None and change.caused_by == asked.event.event_id and change.change in ANSWERS:
                return change
    return None
