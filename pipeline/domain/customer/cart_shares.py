"""What each part of a merged customer put into a cart, beside the whole, so that undoing gives each back its own.

A cart that only the part has changed which began it is that part's and has no shares. What nobody but another part's
order ended is in its share still: an order that names no cart buys what is in the carts of both, until they are parted.
One that names the cart buys it for all who share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from pipeline.domain.customer import carts
from pipeline.domain.customer.carts import Cart

SHARE_LINES_KEPT = 50
"""Lines of all shares of a cart together; one with more is one part's again. Shares are a copy, and with them twenty
full carts must stay below the 15 MiB that one record of the changelog may have."""


def shares_of(cart: Cart) -> dict[str, Cart]:
    """Return what is of whom, by part."""
    return cart.shares or {cart.part: replace(cart, part="")}


def changed_by(part: str, cart: Cart, change: Callable[[Cart], Cart]) -> Cart:
    """Change a cart because of an event of `part`: the whole, and what is that part's."""
    after = change(cart)
    if after is cart or (part == cart.part and not cart.shares):
        return after
    shares = shares_of(cart)
    return _with_shares(after, {**shares, part: change(shares.get(part, Cart()))})


def closed(cart: Cart, at_ms: int) -> Cart:
    """Close a cart that an order at that time named, for all who share it."""
    after = carts.closed(cart, at_ms)
    return _closed_for_all(after, cart.shares) if cart.shares else after


def tagged(cart: Cart, tag: Callable[[str], str]) -> Cart:
    """Return the cart with its parts named anew."""
    return replace(cart, part=tag(cart.part), shares={tag(part): share for part, share in cart.shares.items()})


def bought_by_either(cart: Cart, closed_at_ms: int) -> Cart:
    """Take out what an order bought that named no cart. If it was another part's, the share stays."""
    after = carts.bought(cart, closed_at_ms)
    return after if after == cart else _with_shares(after, shares_of(cart))


def united(a: Cart, b: Cart, closed_at_ms: int) -> Cart:
    """Unite the carts of two customers of one id, theirs with its parts named already."""
    one = one_cart(carts.bought(a, closed_at_ms), carts.bought(b, closed_at_ms))
    return _closed_for_all(one, {**shares_of(b), **shares_of(a)})


def parted(
    cart: Cart, leaving: set[str], closed_at_ms: int, closed_there_at_ms: int
) -> tuple[Cart | None, Cart | None]:
    """Return what stays of a cart and what goes with the parts `leaving`; two times as `Sides.closed_at_ms`."""
    if not cart.shares:
        return (None, cart) if cart.part in leaving else (cart, None)
    go = {part: share for part, share in cart.shares.items() if part in leaving}
    stay = {part: share for part, share in cart.shares.items() if part not in leaving}
    return _whole(stay, closed_at_ms), _whole(go, closed_there_at_ms)


def settled(cart: Cart, gone: set[str]) -> Cart:
    """Make what is of the parts `gone` the customer's own."""
    own = {part: share for part, share in cart.shares.items() if part in gone or not part}
    part = "" if cart.part in gone else cart.part
    if not own:
        return replace(cart, part=part)
    others = {name: share for name, share in cart.shares.items() if name not in own}
    return replace(cart, part=part, shares={"": _one_of(own), **others})


def one_cart(a: Cart, b: Cart) -> Cart:
    """Unite two carts of one id: what was told whole or bought voids what is older on either side.

    Of a line that both changed, the pieces add up where one side knows nothing but pieces added and removed (somebody
    logs in with the click that adds one more); else the latest change holds.
    """
    contents_at_ms, closed_at_ms = max(a.contents_at_ms, b.contents_at_ms), max(a.closed_at_ms, b.closed_at_ms)
    told, other = sorted((a, b), key=lambda cart: (cart.contents_at_ms, cart.amount_minor or 0), reverse=True)
    lines = {sku: line for sku, line in told.lines.items() if line.changed_at_ms > closed_at_ms}
    for sku, line in other.lines.items():
        if line.changed_at_ms <= closed_at_ms or (line.changed_at_ms <= contents_at_ms and contents_at_ms):
            continue
        known = lines.get(sku)
        if known is None:
            lines[sku] = line
            continue
        latest = max(line, known, key=lambda each: (each.changed_at_ms, each.quantity))
        if not other.contents_at_ms:
            latest = replace(latest, quantity=line.quantity + known.quantity)
        lines[sku] = latest
    return replace(
        a,
        changed_at_ms=max(a.changed_at_ms, b.changed_at_ms),
        contents_at_ms=contents_at_ms,
        closed_at_ms=closed_at_ms,
        lines=dict(sorted(lines.items())),
        amount_minor=told.amount_minor if told.contents_at_ms > closed_at_ms else None,
        currency=told.currency,
    )


def _one_of(shares: Mapping[str, Cart]) -> Cart:
    first, *others = (shares[part] for part in sorted(shares))
    for other in others:
        first = one_cart(first, other)
    return first


def _whole(shares: Mapping[str, Cart], closed_at_ms: int) -> Cart | None:
    if not shares:
        return None
    cart = replace(_one_of(shares), part=min(shares), shares=dict(shares) if len(shares) > 1 else {})
    return bought_by_either(cart, closed_at_ms)


def _closed_for_all(cart: Cart, shares: Mapping[str, Cart]) -> Cart:
    return _with_shares(cart, {part: carts.closed(share, cart.closed_at_ms) for part, share in shares.items()})


def _with_shares(cart: Cart, shares: Mapping[str, Cart]) -> Cart:
    """Keep the shares that say something, unless they are too large, or all is of the part which began the cart."""
    kept = {part: shares[part] for part in sorted(shares) if _says_something(shares[part])}
    too_large = sum(len(share.lines) for share in kept.values()) > SHARE_LINES_KEPT
    all_of_one = kept.keys() == {cart.part} and kept[cart.part].lines == cart.lines
    return replace(cart, shares={} if too_large or all_of_one else kept)


def _says_something(share: Cart) -> bool:
    """Whether there is something in a share, or was until it was emptied, which emptied the whole."""
    return bool(share.lines or share.amount_minor or share.contents_at_ms > share.closed_at_ms)
