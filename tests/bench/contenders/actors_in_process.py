"""All three actors over dicts in one process, messages handed on as objects: as little as the job can cost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from msgspec import Raw

from pipeline.app import default_actors
from pipeline.domain.actor import Actor
from pipeline.domain.errors import InvalidEvent
from pipeline.domain.events import ChannelEvent
from pipeline.domain.messages.effects import Publish, Send
from pipeline.domain.messages.keys import identity_key
from pipeline.domain.messages.to_customer import Arrived, ArrivedRaw
from pipeline.domain.messages.to_identity import Observed
from pipeline.domain.rules.in_force import Rules
from pipeline.identity_file import load_identity
from pipeline.settings import Settings
from pipeline.wire.channel_event import Decoder
from pipeline.wire.normalise import digest, normalise


class InProcess:
    """Takes record values; keeps states by (actor, key) and which of them were touched."""

    def __init__(self, settings: Settings, rules: Rules, publish: Callable[[Publish], None] = lambda _: None) -> None:
        """`publish` is told of each public record."""
        self._decode = Decoder().decode
        self._identity = load_identity(settings.identity_file)
        self._actors: dict[str, Actor[Any, Any]] = {actor.name: actor for actor in default_actors(settings, rules)}
        self._publish = publish
        self.states: dict[tuple[str, str], object] = {}
        self.touched: dict[tuple[str, str], None] = {}

    def take(self, value: bytes | None, received_at_ms: int) -> bool:
        """Do everything that follows from one record; False if it was refused."""
        try:
            decoded = normalise(self._decode(value), self._identity)
        except InvalidEvent:
            return False
        event, identifiers = decoded.event, decoded.identifiers
        seen = Observed(
            event.tenant,
            identifiers,
            event.event_id,
            event.occurred_at_ms,
            received_at_ms,
            digest(event),
            cast(Raw, event),  # identity hands it on unseen, so it need not be bytes
        )
        waiting = deque([Send("identity", identity_key(event.tenant, identifiers[0]), seen)])
        states = self.states
        while waiting:
            send = waiting.popleft()
            place = (send.actor, send.key)
            before = states.get(place)
            message = send.message
            if type(message) is ArrivedRaw:  # what the wire would make of it
                m = message
                event = cast(ChannelEvent, m.event)
                message = Arrived(m.tenant, m.customer_id, m.identifiers, m.received_at_ms, m.digest, event, m.part)
            state, effects = self._actors[send.actor].handle(before, message, received_at_ms)
            if state is not before:
                states[place] = state
                self.touched[place] = None
            for effect in effects:
                if type(effect) is Send:
                    waiting.append(effect)
                elif type(effect) is Publish:
                    self._publish(effect)
        return True
