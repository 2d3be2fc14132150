"""Why a customer wants a product, since when, and in which size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from pipeline.domain.customer.carts import Cart
from pipeline.domain.customer.heard import Heard
from pipeline.domain.facets import Facets
from pipeline.domain.facets.interests import Interests
from pipeline.domain.messages.waves import Want

_NO_INTERESTS = Interests()


class Wanting(Protocol):
    """What of a customer says what they want: a state, a draft, or what was known before an event."""

    @property
    def carts(self) -> Mapping[str, Cart]:
        """Carts by id."""

    @property
    def owned(self) -> Mapping[str, int]:
        """When each SKU was bought."""

    @property
    def facets(self) -> Facets:
        """Everything else that is known."""

    @property
    def heard(self) -> Heard:
        """What products have told: of those bought, what goes with them."""


class Wants(NamedTuple):
    """Since when a customer wants a product, by why, and in which sizes (None: any). Nothing they have bought since.

    But for `Want.OWNED`: that they have bought it.
    """

    since: dict[int, int]
    sizes: dict[int, str | None]

    def asked_ms(self, by: int) -> int:
        """Return the latest time at which they asked by any of these `Want`s; 0 for none."""
        return max((since_ms for want, since_ms in self.since.items() if want & by), default=0)

    def size(self, by: int) -> str | None:
        """Return the size in which they ask by any of these `Want`s; None for any.

        That of the alert, for it asks for nothing else; without one, what was wished for or put into a cart last says.
        """
        asked = [want for want in self.sizes if want & by and want in self.since]
        if Want.STOCK_ALERT in asked:
            return self.sizes[Want.STOCK_ALERT]
        return max(((self.since[want], self.sizes[want] or "") for want in asked), default=(0, ""))[1] or None


def wants_of(customer: Wanting, sku: str, by: int) -> Wants:
    """Return why a customer wants a product, of these `Want`s."""
    interests = customer.facets.interests or _NO_INTERESTS
    view, wish, alert = interests.views.get(sku), interests.wishes.get(sku), interests.alerts.get(sku)
    found: dict[int, int] = {}
    sizes: dict[int, str | None] = {}
    carted: list[tuple[int, str]] = []
    if view is not None:
        found[Want.VIEWED] = view.last_at_ms
    for cart in customer.carts.values():
        line = cart.lines.get(sku)
        if line is not None and line.quantity > 0:
            carted.append((line.changed_at_ms, line.attributes.get("size") or ""))
    if carted:
        found[Want.CART], size = max(carted)  # of two sizes at once the same, in whatever order the carts came
        sizes[Want.CART] = size or None
    if wish is not None and wish.wished:
        found[Want.WISH] = wish.at_ms
        if wish.size:
            sizes[Want.WISH] = wish.size
    if alert is not None and alert.stock_at_ms:
        found[Want.STOCK_ALERT] = alert.stock_at_ms
        sizes[Want.STOCK_ALERT] = alert.size or None
    if alert is not None and alert.price_at_ms:
        found[Want.PRICE_ALERT] = alert.price_at_ms
    if by & Want.GOES_WITH:
        found[Want.GOES_WITH] = _goes_with_ms(customer, sku)
    bought_ms = customer.owned.get(sku, -1)
    since = {want: since_ms for want, since_ms in found.items() if want & by and since_ms > bought_ms}
    if by & Want.OWNED and sku in customer.owned:
        since[Want.OWNED] = bought_ms
    return Wants(since, sizes)


def own_size(customer: Wanting, sku: str) -> str | None:
    """Return the size in which a customer has chosen a product they have not bought since; None where it is not known.

    What was put into an open cart last says it, else what word was asked for of its stock or price, else the wish.
    """
    bought_ms = customer.owned.get(sku, -1)
    lines = (cart.lines[sku] for cart in customer.carts.values() if sku in cart.lines)
    sizes = [
        (line.changed_at_ms, line.attributes.get("size", ""))
        for line in lines
        if line.quantity > 0 and line.changed_at_ms > bought_ms
    ]
    carted = max((each for each in sizes if each[1]), default=None)
    if carted is not None:
        return carted[1]
    interests = customer.facets.interests or _NO_INTERESTS
    alert, wish = interests.alerts.get(sku), interests.wishes.get(sku)
    if alert is not None and alert.size and max(alert.stock_at_ms, alert.price_at_ms) > bought_ms:
        return alert.size
    return (wish.size or None) if wish is not None and wish.wished and wish.at_ms > bought_ms else None


def _goes_with_ms(customer: Wanting, sku: str) -> int:
    """Return when that was bought last which the product goes with; -1 for never."""
    answers, owned = customer.heard.answers, customer.owned
    bought = (other for other, answer in answers.items() if any(each.sku == sku for each in answer.complements))
    return max((owned[other] for other in bought if other in owned), default=-1)
