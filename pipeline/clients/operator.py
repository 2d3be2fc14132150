"""What an operator asks of the identity graph: an event like any other, and what the workers answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.clients.follower import listening
from pipeline.clients.lookup import identity_change_in
from pipeline.clients.publisher import Publisher
from pipeline.domain.records import IdentityChange
from pipeline.settings import Settings
from pipeline.topics import IDENTITY_CHANGES, prefixed
from pipeline.wire.normalise import Normalised

ANSWERS: Final = frozenset({"merged", "unmerged", "blocked", "refused"})


def ask(settings: Settings, asked: Sequence[Normalised], seconds: float) -> IdentityChange | None:
    """Publish the events and return the first answer to any of them; None if there was none within `seconds`.

    Raises BrokerError.
    """
    event_ids = {each.event.event_id for each in asked}
    with listening(settings, prefixed(settings, IDENTITY_CHANGES)) as news:
        with Publisher(settings) as publisher:
            for each in asked:
                publisher.send(each.event, each.identifiers)
        for record in news(seconds):
            change = identity_change_in(record)
            if change is not None and change.caused_by in event_ids and change.change in ANSWERS:
                return change
    return None
