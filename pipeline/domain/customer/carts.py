"""Carts: what is in them, line by line, and what each kind of cart event makes of them.

Events may arrive in any order; the latest `occurred_at` wins. Adding and removing are sums, so they may swap: a
removal that comes first leaves a debt, which the addition pays. What tells the contents whole (`replaced`, `emptied`,
`closed`) makes every line older than itself void.
A time of 0 means never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.events import Item
from pipeline.domain.money import added

LINES_KEPT = 100
"""Lines per cart: baskets of a weekly shop stay below; a robot's do not. The line changed longest ago goes first."""

ATTRIBUTES_KEPT = 16
"""Attributes per line (size, colour …), first by name: what a message needs, not a product page."""

ATTRIBUTE_CHARACTERS_KEPT = 1_024
"""Characters of a line's attributes together: 100 such lines in 20 carts, at four bytes a character, stay below the
15 MiB that one record of the changelog may have."""


class Line(Struct, frozen=True, array_like=True, gc=False):
    """One SKU in a cart. With a quantity of 0 or less it is not in it: removed, or removed before it was added.

    Price and attributes are those of the latest addition, at `told_at_ms`. The quantity is a sum over all events of the
    cart, each of at most 10^8 pieces (`wire/normalise.py`): far from 64 bits.
    """

    quantity: int
    changed_at_ms: int
    unit_price_minor: int | None = None
    currency: str | None = None
    attributes: dict[str, str] = {}
    told_at_ms: int = 0


class Cart(Struct, frozen=True, array_like=True, gc=False):
    """One cart. `contents_at_ms`: when it was last told whole; `closed_at_ms`: latest order that named it.

    `amount_minor` is what `cart_updated` said the cart is worth, for producers that tell no lines or no prices.
    `part` is the former customer it was begun by, "" for the customer's own; `shares`: see `cart_shares.py`.
    """

    changed_at_ms: int = 0
    contents_at_ms: int = 0
    closed_at_ms: int = 0
    lines: dict[str, Line] = {}
    amount_minor: int | None = None
    currency: str | None = None
    part: str = ""
    shares: dict[str, Cart] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is something in it."""
        if not self.lines:
            return bool(self.amount_minor)
        return any(line.quantity > 0 for line in self.lines.values())

    def left(self, owned: Mapping[str, int]) -> tuple[Item, ...]:
        """Return the contents without what was bought (`owned`: when), in whatever channel, after it was put there."""
        return tuple(item for item in self.items() if owned.get(item.sku, -1) < self.lines[item.sku].changed_at_ms)

    def items(self) -> tuple[Item, ...]:
        """Return the contents as items, by SKU."""
        return tuple(
            Item(sku, line.quantity, line.unit_price_minor, line.currency, line.attributes)
            for sku, line in sorted(self.lines.items())
            if line.quantity > 0
        )


def changed(cart: Cart, items: Iterable[Item], sign: int, at_ms: int) -> tuple[Cart, int]:
    """Add (`sign` 1) or remove (-1) pieces; also return how many lines found no room."""
    if at_ms < cart.contents_at_ms:
        return cart, 0
    lines = dict(cart.lines)
    for item in items:
        old = lines.get(item.sku, Line(0, 0))
        quantity, changed_at_ms = old.quantity + sign * item.quantity, max(old.changed_at_ms, at_ms)
        if sign > 0 and at_ms >= old.told_at_ms:
            lines[item.sku] = _line(item, quantity, changed_at_ms, at_ms)
        else:
            lines[item.sku] = replace(old, quantity=quantity, changed_at_ms=changed_at_ms)
    kept = _bounded(lines)
    changed_at_ms = max(cart.changed_at_ms, at_ms)
    return replace(cart, changed_at_ms=changed_at_ms, lines=kept, amount_minor=None), len(lines) - len(kept)


def replaced(
    cart: Cart, items: Iterable[Item], amount_minor: int | None, currency: str | None, at_ms: int
) -> tuple[Cart, int]:
    """Tell the contents whole: lines changed later stay, all others are replaced. Also: lines that found no room."""
    if at_ms < cart.contents_at_ms:
        return cart, 0
    later = {sku: line for sku, line in cart.lines.items() if line.changed_at_ms > at_ms}
    lines: dict[str, Line] = {}
    for item in items:
        known = lines.get(item.sku)
        if item.quantity > 0:
            lines[item.sku] = _line(item, item.quantity + (known.quantity if known else 0), at_ms, at_ms)
    lines |= later
    kept = _bounded(lines)
    told = replace(
        cart,
        lines=kept,
        changed_at_ms=max(cart.changed_at_ms, at_ms),
        contents_at_ms=at_ms,
        amount_minor=None if later else amount_minor,
        currency=currency,
    )
    return told, len(lines) - len(kept)


def emptied(cart: Cart, at_ms: int) -> Cart:
    """Take everything out that was in it at that time."""
    return replaced(cart, (), None, None, at_ms)[0]


def touched(cart: Cart, at_ms: int) -> Cart:
    """Note that the customer is still busy with it."""
    return replace(cart, changed_at_ms=max(cart.changed_at_ms, at_ms))


def bought(cart: Cart, at_ms: int) -> Cart:
    """Take out what an order at that time bought; what changed after it stays."""
    return replace(
        cart,
        lines={sku: line for sku, line in cart.lines.items() if line.changed_at_ms > at_ms},
        amount_minor=cart.amount_minor if cart.contents_at_ms > at_ms else None,
    )


def closed(cart: Cart, at_ms: int) -> Cart:
    """Close a cart that an order at that time named."""
    return cart if at_ms <= cart.closed_at_ms else replace(bought(cart, at_ms), closed_at_ms=at_ms)


def totals(items: Iterable[Item]) -> dict[str, int] | None:
    """Return the worth per currency ("" where none is told), or None when a price is missing."""
    sums: dict[str, int] = {}
    for item in items:
        if item.unit_price_minor is None:
            return None
        currency = item.currency or ""
        sums[currency] = added(sums.get(currency, 0), item.quantity * item.unit_price_minor)
    return sums


def worth(cart: Cart) -> dict[str, int]:
    """Return what a cart is worth per currency: the lines where all are priced, else what it was said to be worth."""
    priced = totals(cart.items())
    if priced:
        return priced
    return {} if cart.amount_minor is None else {cart.currency or "": cart.amount_minor}


def _line(item: Item, quantity: int, changed_at_ms: int, told_at_ms: int) -> Line:
    attributes = _kept(item.attributes) if item.attributes else item.attributes
    return Line(quantity, changed_at_ms, item.unit_price_minor, item.currency, attributes, told_at_ms)


def _kept(attributes: dict[str, str]) -> dict[str, str]:
    room = ATTRIBUTE_CHARACTERS_KEPT
    if len(attributes) <= ATTRIBUTES_KEPT and sum(map(len, (*attributes, *attributes.values()))) <= room:
        return attributes
    kept: dict[str, str] = {}
    for name, value in sorted(attributes.items())[:ATTRIBUTES_KEPT]:
        room -= len(name) + len(value)
        if room >= 0:
            kept[name] = value
    return kept


def _bounded(lines: dict[str, Line]) -> dict[str, Line]:
    if len(lines) <= LINES_KEPT:
        return lines
    by_worth = sorted(lines.items(), key=lambda entry: (entry[1].quantity > 0, entry[1].changed_at_ms, entry[0]))
    return dict(sorted(by_worth[-LINES_KEPT:]))
