"""The upsell: the better one of what a customer is about to buy."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.customer.orders import Order
from pipeline.domain.events import Item
from pipeline.domain.reasons import DropReason
from pipeline.domain.triggers import kind
from pipeline.domain.triggers.answers import at_once, bought_before, is_in_a_cart
from pipeline.domain.triggers.steps import Change, Fired, Proposal, Step
from pipeline.domain.triggers.view import CustomerView


class Upgrade(Struct, frozen=True):
    """`to` is the better one of the SKU `sku`."""

    sku: str
    to: str


class Config(kind.Config, frozen=True):
    """`upgrades`: which product is the better one of which."""

    upgrades: tuple[Upgrade, ...] = ()


class Upsell(kind.Kind):
    """Fires when a customer puts a product into a cart that has a better one.

    Unless the better one is owned or in a cart already. At most once per event, for the first such product, and per
    `cooldown` if the rule has one. An order we learn of too late takes the trigger back.
    """

    config_type = Config
    events = frozenset({"product_added", "order_completed"})

    def __init__(self, rule: str, config: Config) -> None:
        """Bind to the rule's name and its upgrades."""
        super().__init__(rule, config)
        self._upgrades = {upgrade.sku: upgrade.to for upgrade in config.upgrades}

    def on_event(self, change: Change, customer: CustomerView) -> Sequence[Step]:
        """Propose the better one of the first product that has one."""
        for sku in change.carted:
            better = self._upgrades.get(sku)
            if better is not None and self._refusal(better, customer) is None:
                reason = f"{better} is the better one of {sku}"
                offer = at_once(change, reason, about=better, items=(Item(better),), context={"instead_of": sku})
                return (replace(offer, since_ms=0),)  # of one bought at any time before it is pointless
        return ()

    def taken_back(self, fired: Fired, order: Order) -> str | None:
        """Take back the offer of what was bought."""
        return bought_before(fired, order)

    def on_release(self, proposal: Proposal, customer: CustomerView) -> DropReason | None:
        """Do not offer what was bought or carted meanwhile, nor instead of what is in no cart any more."""
        if not is_in_a_cart(str(proposal.context.get("instead_of", "")), customer):
            return DropReason.NOT_SO
        return self._refusal(proposal.about, customer)

    def _refusal(self, sku: str, customer: CustomerView) -> DropReason | None:
        if sku in customer.owned:
            return DropReason.ALREADY_OWNED
        return DropReason.IN_CART if is_in_a_cart(sku, customer) else None
