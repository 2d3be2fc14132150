"""The decoded states of a partition: of those used a moment ago, and of those used again and again."""

from __future__ import annotations

from typing import Generic, TypeVar

from pipeline.streaming.step import CHANGE_BYTES, Held

S = TypeVar("S")

PASSING_BYTES = 16 * 1024
"""Bound of the passers-by. What was used hundreds of messages ago has left the processor's cache: to walk through its
hundred objects takes several times as long as to decode it anew from one run of bytes."""

REGULAR_BYTES = 128 * 1024
"""Bound of the regulars. With 20,000 customers four or sixteen times as much saves the customer actor nothing; none at
all costs it a tenth more. Decoded it is ten times as much, for each of two generations, actor and partition."""


class Cache(Generic[S]):
    """Passers-by and regulars: who is used twice while among the former becomes one of the latter (segmented LRU).

    Regulars are two generations: who is used again while in the elder joins the younger; when that is full, the elder
    goes. Bytes are counted as encoded and half a KiB each; decoded they take ten times that. What is not yet in the
    unit must not go: `let_pass` is for when no changed passer-by is, `tidy` for when nothing is.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._passing: dict[str, Held[S]] = {}
        self._younger: dict[str, Held[S]] = {}
        self._elder: dict[str, Held[S]] = {}
        self._passing_bytes = 0
        self._younger_bytes = 0

    def get(self, key: str) -> Held[S] | None:
        """Return what is held of `key`."""
        held = self._younger.get(key)
        if held is None and (held := self._elder.get(key) or self._passing.get(key)) is not None:
            held.is_regular = True
            self._younger[key] = held
            self._younger_bytes += held.size + CHANGE_BYTES
        return held

    def put(self, key: str, held: Held[S]) -> None:
        """Hold `key`, as a passer-by."""
        self._passing[key] = held
        self._passing_bytes += held.size + CHANGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether the passers-by should go."""
        return self._passing_bytes > PASSING_BYTES

    def let_pass(self) -> None:
        """Let go of the passers-by."""
        self._passing, self._passing_bytes = {}, 0

    def tidy(self) -> None:
        """Let go of them, and of regulars that were not used for long."""
        self.let_pass()
        if self._younger_bytes > REGULAR_BYTES // 2:
            self._elder, self._younger, self._younger_bytes = self._younger, {}, 0
