"""The decoded states of a partition: those used last, within a bound of bytes."""

from __future__ import annotations

from typing import Generic, TypeVar

from pipeline.streaming.step import CHANGE_BYTES, Held

S = TypeVar("S")

CACHED_BYTES = 32 * 1024
"""Bound of what a partition holds decoded, counted as it is encoded and half a KiB each; decoded it takes ten times
that. What was used a thousand messages ago has left the processor's cache: to walk through its hundred objects takes
three times as long as to decode it anew from one run of bytes. With 20,000 customers 64 KiB cost as much, 128 KiB a
tenth more, 512 KiB a third more."""


class Cache(Generic[S]):
    """Two generations: who is used again while in the elder joins the younger; when that is full, the elder goes.

    What is not yet in the table must not go, so `tidy` is for the moment when nothing is under way.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._younger: dict[str, Held[S]] = {}
        self._elder: dict[str, Held[S]] = {}
        self._bytes = 0

    def get(self, key: str) -> Held[S] | None:
        """Return what is held of `key`."""
        held = self._younger.get(key)
        if held is None and (held := self._elder.get(key)) is not None:
            self.put(key, held)
        return held

    def put(self, key: str, held: Held[S]) -> None:
        """Hold `key`."""
        self._younger[key] = held
        self._bytes += held.size + CHANGE_BYTES

    @property
    def is_full(self) -> bool:
        """Whether it is time to `tidy`."""
        return self._bytes > CACHED_BYTES // 2

    def tidy(self) -> None:
        """Let go of what was not used for long."""
        if self.is_full:
            self._elder, self._younger, self._bytes = self._younger, {}, 0
