"""The state of one product, made of parts, each a module of its own."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from pipeline.domain.customer.as_json import Json
from pipeline.domain.customer.waiting import Waiting
from pipeline.domain.messages.to_product import ProductMessage
from pipeline.domain.messages.waves import ENDLESS
from pipeline.domain.product.companions import Companions
from pipeline.domain.product.demand import Demand, Tally
from pipeline.domain.product.facts import Facts
from pipeline.domain.product.keys import is_sku
from pipeline.domain.product.orders_in_all import OrdersInAll
from pipeline.domain.product.prices import Prices
from pipeline.domain.product.stock import Stock
from pipeline.domain.product.substitutes import Substitutes
from pipeline.domain.product.variants import Variants
from pipeline.domain.product.waiters import Waiters
from pipeline.domain.product.waves import Waves


class ViewTimes(Struct, frozen=True, array_like=True, gc=False):
    """When the product's next record on `catalog.view` is due (0: none is), and when the last was; ms."""

    tell_at_ms: int = 0
    told_at_ms: int = 0


NEVER_TOLD = ViewTimes()


class ProductState(Struct, frozen=True, array_like=True, gc=False):
    """One SKU. `early` are messages the event clock has not passed yet, by time (at most `WAITING_KEPT`).

    Of what nobody has told there is None: stock may be known of a SKU that nobody has described. Under keys of their
    own there are a counter of orders, which has `orders`, a waiting list of a product, which has `waiters`, and what
    has variants, which has those; none of them has any other part.
    """

    tenant: str
    sku: str
    early: Waiting[ProductMessage] = ()
    companions: Companions = Companions()
    orders: OrdersInAll | None = None
    substitutes: Substitutes | None = None
    facts: Facts | None = None
    stock: Stock | None = None
    prices: Prices | None = None
    waves: Waves | None = None
    waiters: Waiters | None = None
    demand: Demand | None = None
    view: ViewTimes = NEVER_TOLD
    variants: Variants | None = None

    @property
    def is_product(self) -> bool:
        """Whether it is one: categories, counters of orders, groups and waiting lists have keys here too."""
        return is_sku(self.sku) and self.waiters is None

    @property
    def category(self) -> str:
        """Return its category: as the catalogue has it, else as orders told it, "" where nobody has."""
        return (self.facts.category if self.facts else "") or self.companions.category

    @property
    def is_deleted(self) -> bool:
        """Whether the catalogue says that it is sold no longer."""
        return self.facts is not None and self.facts.is_deleted

    def substituted(self) -> list[tuple[str, int]]:
        """Return the SKUs that may stand in for it, best first, each with the visits that told so."""
        return self.substitutes.best(self.companions.bought_with()) if self.substitutes else []

    @property
    def is_endless(self) -> bool:
        """Whether it can be had whatever the stock says."""
        return self.facts is not None and self.facts.backorder and not self.is_deleted

    @property
    def knows_stock(self) -> bool:
        """Whether anybody has said what of it can be had."""
        return self.stock is not None or self.is_endless or self.is_deleted

    def available(self, size: str | None = None) -> int:
        """Return how many pieces there are, of `size` where the product has sizes; none of what is deleted."""
        return 0 if self.stock is None or self.is_deleted else self.stock.available(size)

    def available_by_size(self) -> dict[str, int]:
        """Return size to pieces that can be had; sizes that are sold out are left out.

        With `ENDLESS` pieces without a size, as many as are ordered can be had in each.
        """
        if self.is_endless:
            return {"": ENDLESS}
        return {} if self.stock is None or self.is_deleted else self.stock.by_size()


def product_json(state: ProductState, waiting: int) -> dict[str, Json]:
    """Return the product as an object with sorted keys: equal states are equal bytes. What nobody told is null.

    `waiting` is how many customers wait for it: its waiting lists know (`waiting_in`).
    """
    said: dict[str, Json] = {
        "sku": state.sku,
        "tenant": state.tenant,
        "substitutes": [{"sku": sku, "visits": visits} for sku, visits in state.substituted()],
        "waiting": waiting,
        "available": None if state.stock is None else state.available(),
        **(state.facts or _NO_FACTS).json(),
        "category": state.category,
        **state.companions.json(),
        **(state.prices or _NO_PRICES).json(),
        **(state.stock or _NO_STOCK).json(),
        **(state.waves or _NO_WAVES).json(),
        **(state.demand or _NO_DEMAND).json(),
    }
    if state.facts is None:
        said |= {"name": None, "category": state.category or None, "updated_at": None}
    return dict(sorted(said.items()))


def waiting_in(lists: Iterable[Waiters | None]) -> int:
    """Return how many customers in waiting lists of a product wait for word of its stock or of its price."""
    return sum(each.waiting for each in lists if each is not None)


_NO_FACTS, _NO_PRICES, _NO_STOCK, _NO_WAVES, _NO_DEMAND = Facts(), Prices(), Stock(), Waves(), Demand(Tally(0))
