"""The shape of an actor: three pure functions over one key's state. Every harness runs actors through this alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from pipeline.domain.messages.effects import Effect

State = TypeVar("State")
Received = TypeVar("Received", contravariant=True)


class Actor(Protocol[State, Received]):
    """Holds no state of its own but configuration; the harness keeps one `State` per key.

    `handle` answers what one message changes and causes. `now_ms` is the message's logical time (when the broker
    took the event it goes back to), never the wall clock.
    `wakes_at` is the earliest time (ms) at which this state wants `wake`, or None.
    `wake` is called when the partition's clock has reached `clock_ms` ≥ `wakes_at(state)`, again and again until it
    leaves a state whose `wakes_at` lies after `clock_ms`, or is None; each call must come closer to that.
    All three are deterministic. A state of None is an absent key; returning None removes it.
    """

    @property
    def name(self) -> str:
        """Name of the actor: identity, customer or product."""

    @property
    def state_type(self) -> type[State]:
        """Struct of one key's state, encoded as msgpack."""

    @property
    def message_type(self) -> object:
        """The (union) type that an item of this actor's inbox decodes to."""

    def handle(self, state: State | None, message: Received, now_ms: int) -> tuple[State | None, Sequence[Effect]]:
        """Apply one message."""

    def wake(self, state: State, clock_ms: int) -> tuple[State | None, Sequence[Effect]]:
        """Do what was waiting for `clock_ms`."""

    def wakes_at(self, state: State) -> int | None:
        """Return the time of the earliest thing this state waits for."""
