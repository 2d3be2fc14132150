"""A market with an audience to whom products are shown."""

from __future__ import annotations

from pipeline.domain.conditions.products import Shows, shown
from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.audiences import Audience
from pipeline.domain.customer.draft import Draft
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rule, Rules
from tests.unit.domain.product.market import SKU, Market
from tests.unit.domain.triggers.story import event

SHOWS = Shows(("carted", "viewed", "wished", "goes_with_bought"))


class Fair(Market):
    """A market with an audience."""

    def __init__(self, condition: Shows = SHOWS, seed: int = 0, rules: tuple[Rule, ...] = ()) -> None:
        super().__init__(seed=seed)
        self.book = RuleBook.of_one(Rules("test", rules, audiences=(Audience("ads", condition),)))
        self.actors["customer"] = CustomerActor(self.book)

    def says(self, customer_id: str, told: ChannelEvent) -> Fair:
        self.tell(customer_id, told).settle()
        return self

    def shown(self, customer_id: str, condition: Shows = SHOWS) -> list[tuple[str, str | None]]:
        return [(each.sku, each.size) for each in shown(condition, Draft(self.customer(customer_id)), self.now_ms)]


def carted(size: str | None = None) -> ChannelEvent:
    return event("product_added", items=(Item(SKU, 1, 100, "EUR", {"size": size} if size else {}),))


def fair(seed: int = 0) -> Fair:
    market = Fair(seed=seed)
    market.at("10:00")
    return market
