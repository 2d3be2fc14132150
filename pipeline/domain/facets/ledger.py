"""A balance that is put on and taken from, and sometimes told whole: points of an account, money on a card."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from pipeline.domain.money import added

MOVEMENTS_KEPT = 32
"""Movements remembered, the newest: a balance told late still knows which of them it holds."""


class Ledger(Struct, frozen=True, array_like=True, gc=False):
    """The balance told last (`told`, at `told_at_ms`; 0: never) and the movements, oldest first: (ms, amount).

    A balance told at a time holds every movement at or before it. What fell off the bound of `movements` is summed up
    in `settled`, the latest of it at `settled_at_ms`: a balance told later holds all of that, an earlier one none.
    """

    told: int = 0
    told_at_ms: int = 0
    movements: tuple[tuple[int, int], ...] = ()
    settled: int = 0
    settled_at_ms: int = 0

    @property
    def balance(self) -> int:
        """Return what there is now."""
        balance = added(self.told, self.settled if self.settled_at_ms > self.told_at_ms else 0)
        for at_ms, amount in self.movements:
            if at_ms > self.told_at_ms:
                balance = added(balance, amount)
        return balance

    @property
    def last_at_ms(self) -> int:
        """Return when it moved or was told last."""
        newest_ms = self.movements[-1][0] if self.movements else 0
        return max(self.told_at_ms, self.settled_at_ms, newest_ms)

    def moved(self, amount: int, at_ms: int) -> Self:
        """Put on an amount, or take it off (negative)."""
        return self.united(type(self)(movements=((at_ms, amount),)))

    def was_told(self, balance: int, at_ms: int) -> Self:
        """Take over a balance told at a time."""
        return self.united(type(self)(balance, at_ms))

    def united(self, other: Self) -> Self:
        """Return what two sides know of one account: all movements, and the balance told later."""
        told_at_ms, told = max((self.told_at_ms, self.told), (other.told_at_ms, other.told))
        movements = sorted((*self.movements, *other.movements))
        over = movements[:-MOVEMENTS_KEPT]
        settled = added(self.settled, other.settled)
        for _, amount in over:
            settled = added(settled, amount)
        settled_at_ms = max(self.settled_at_ms, other.settled_at_ms, over[-1][0] if over else 0)
        return type(self)(told, told_at_ms, tuple(movements[-MOVEMENTS_KEPT:]), settled, settled_at_ms)
