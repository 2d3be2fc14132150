"""Products among themselves: the product actor with its messages delivered at once, and orders told as customers do."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from pipeline.domain.messages.effects import Count, Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_customer import Complements
from pipeline.domain.messages.to_product import AskComplements, BoughtTogether, OrderCounted, ProductMessage, TakenBack
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.keys import category_key, counter_of
from pipeline.domain.product.state import ProductState
from tests.harness.affinities import Basket

_MESSAGES = frozenset(ProductMessage.__args__)


class Products:
    """All products of the tenant "default"."""

    def __init__(self, half_life_days: int = 0) -> None:
        self.actor = ProductActor("wall", half_life_days)
        self.states: dict[str, ProductState] = {}
        #: Messages handled by kind, and what was counted.
        self.handled: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()

    def ordered(self, basket: Basket, categories: Mapping[str, str] = {}) -> None:
        """Tell of an order; `categories` by SKU."""
        at_ms, skus = basket.at_ms, basket.skus
        for sku in skus:
            self.tell(BoughtTogether("default", sku, _without(skus, sku), at_ms, None, categories.get(sku, "")))
        for category in sorted({categories[sku] for sku in skus if sku in categories}):
            others = tuple(sku for sku in skus if categories.get(sku) != category)
            self.tell(BoughtTogether("default", category_key(category), others, at_ms))
        self.tell(OrderCounted("default", counter_of(basket.order_id), at_ms))

    def taken_back(self, basket: Basket, at_ms: int) -> None:
        """Tell that a whole order came back."""
        for sku in basket.skus:
            others = _without(basket.skus, sku)
            self.tell(TakenBack("default", sku, others, at_ms, basket.at_ms, True))
        self.tell(OrderCounted("default", counter_of(basket.order_id), at_ms, basket.at_ms))

    def all_ordered(self, baskets: Iterable[Basket]) -> Products:
        """Tell of many orders."""
        for basket in baskets:
            self.ordered(basket)
        return self

    def __getitem__(self, sku: str) -> ProductState:
        return self.states[product_key("default", sku)]

    def asked(self, sku: str, at_ms: int) -> Complements | None:
        """Return what a customer is answered who asks what goes with a product."""
        return self.tell(AskComplements("default", sku, "customer-1", "e-1", at_ms, "web"))

    def tell(self, message: ProductMessage) -> Complements | None:
        """Handle a message and what comes of it; return the answer to a customer, if there is one."""
        answer: Complements | None = None
        waiting = deque([message])
        while waiting:
            message = waiting.popleft()
            self.handled[type(message).__name__] += 1
            key = product_key(message.tenant, message.sku)
            state, effects = self.actor.handle(self.states.get(key), message, 0)
            if state is not None:
                self.states[key] = state
            for effect in effects:
                if isinstance(effect, Count):
                    self.counted[effect.counter] += 1
                elif isinstance(effect, Send) and isinstance(effect.message, Complements):
                    answer = effect.message
                elif isinstance(effect, Send):
                    assert type(effect.message) in _MESSAGES
                    waiting.append(effect.message)  # type: ignore[arg-type]
        return answer


def _without(skus: tuple[str, ...], sku: str) -> tuple[str, ...]:
    return tuple(other for other in skus if other != sku)
