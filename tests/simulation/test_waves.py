"""Stock, prices and those who wait for them on the in-memory bus: however it is delivered, the same is told."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import QuietHours
from pipeline.domain.catalog import Product, StockLevel
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import RULES
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from tests.harness.rounds import ROUNDS
from tests.simulation.shop import MINUTE, TEN, results

SKUS = ("A", "B", "C")
SIZES = ("38", "40")
HALF_AN_HOUR = 30 * MINUTE

Told = ChannelEvent | Product | StockLevel


def rules(**arbiter: Any) -> Rules:
    back, low, cheaper = (RULES[kind].config_type for kind in ("back_in_stock", "low_stock", "price_drop"))
    return Rules(
        "test",
        (
            Rule("there_again", "back_in_stock", back(viewed=True), **arbiter),
            Rule("nearly_gone", "low_stock", low(pieces=2), cooldown_ms=HALF_AN_HOUR),
            Rule("cheaper", "price_drop", cheaper(percent=10.0), cooldown_ms=HALF_AN_HOUR),
        ),
    )


RULES_OF: dict[str, Rules] = {
    "plain": rules(),
    "with a cooldown": rules(cooldown_ms=2 * HALF_AN_HOUR),
    "over a night": rules(quiet_hours=QuietHours(11 * 60, 14 * 60)),
}


def stream_of(seed: int, count: int = 400) -> list[Told]:
    """Return what customers do and the catalogue tells, in the order of time; many things at one instant."""
    chance = Random(seed)
    at_ms = TEN
    told: list[Told] = [StockLevel(sku, levels=dict.fromkeys(SIZES, 0), mode="full", updated_at_ms=TEN) for sku in SKUS]
    told += [Product(sku, price_minor=1_000, currency="EUR", updated_at_ms=TEN) for sku in SKUS]
    for number in range(count):
        if chance.random() < 0.6:
            at_ms += chance.choice((1, 1_000, MINUTE, 10 * MINUTE))
        sku = chance.choice(SKUS)
        if chance.random() < 0.2:
            levels = {size: chance.choice((0, 0, 1, 2, 5)) for size in SIZES}
            told.append(StockLevel(sku, levels=levels, mode="full", updated_at_ms=at_ms, version=number))
        elif chance.random() < 0.05:
            price = chance.choice((1_000, 890, 700))
            told.append(Product(sku, price_minor=price, currency="EUR", updated_at_ms=at_ms, version=number))
        else:
            told.append(_event(number, at_ms, sku, chance))
    return [
        each if isinstance(each, ChannelEvent) else replace(each, update_id=f"u-{number}")
        for number, each in enumerate(told)
    ]


def _event(number: int, at_ms: int, sku: str, chance: Random) -> ChannelEvent:
    event_type = chance.choice(
        (
            "stock_alert_requested",
            "product_added_to_wishlist",
            "product_removed_from_wishlist",
            "product_added",
            "product_viewed",
            "cart_emptied",
            "order_completed",
        )
    )
    customer = chance.randrange(12)
    account, cookie = {"account": f"u-{customer}"}, {"cookie": f"c-{customer}"}
    identifiers = chance.choice((account, cookie, cookie, account | cookie if chance.random() < 0.2 else account))
    size = chance.choice((None, *SIZES))
    item = Item(sku, 1, 1_000, "EUR", {} if size is None else {"size": size})
    items = () if event_type == "cart_emptied" else (item,)
    event = ChannelEvent(f"e-{number}", event_type, "web", at_ms, identifiers, items=items)
    return replace(event, order_id=f"o-{number}") if event_type == "order_completed" else event


def played(stream: list[Told], rules: Rules, **conditions: Any) -> Simulation:
    simulation = Simulation(Settings(), rules, IdentityConfig(), Conditions(**conditions))
    simulation.play(map(simulation.read, stream), until_ms=TEN + 30 * 24 * 60 * MINUTE)
    return simulation


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(RULES_OF))
@pytest.mark.parametrize("seed", range(3 * ROUNDS))
def test_b30_repeats_reordering_and_crashes_on_any_number_of_partitions_change_nothing(seed: int, name: str) -> None:
    stream = stream_of(seed)
    straight = played(stream, RULES_OF[name])
    fired = {trigger.rule for trigger in straight.triggers()}
    assert fired == {"there_again", "nearly_gone", "cheaper"}
    assert straight.merges() > 0

    for partitions in (2, 3, 7):
        conditions = {"partitions": partitions, "seed": seed, "duplicate": 0.2, "shuffle": 25, "crash": 0.2}
        disturbed = played(stream, RULES_OF[name], **conditions)
        assert disturbed.bus.crashes.happened > 50
        assert results(disturbed) == results(straight)


def test_b30_a_hundred_who_wait_are_told_in_waves_of_as_many_as_there_are_pieces() -> None:
    stock = StockLevel("A", mode="full", updated_at_ms=TEN, levels={"": 0}, update_id="s-1")
    asked = [
        ChannelEvent(f"e-{n}", "stock_alert_requested", "web", TEN + n, {"account": f"u-{n}"}, items=(Item("A"),))
        for n in range(1, 101)
    ]
    back = replace(stock, updated_at_ms=TEN + MINUTE, levels={"": 5}, update_id="s-2")

    simulation = played([stock, *asked, back], RULES_OF["plain"], partitions=4, seed=1, crash=0.1)

    told = [(trigger.fired_at_ms - TEN) // MINUTE for trigger in simulation.triggers()]
    assert told == [1 + 30 * wave for wave in range(20) for _ in range(5)]
    assert len({trigger.customer_id for trigger in simulation.triggers()}) == 100
    (before,) = map(json.loads, played([stock, *asked], RULES_OF["plain"], partitions=4).product_lines())
    (after,) = map(json.loads, simulation.product_lines())
    assert [(product["waiting"], product["kept"]) for product in (before, after)] == [(100, {}), (0, {})]


def wishes(minute: int, **identifiers: str) -> ChannelEvent:
    return seen(minute, "product_added_to_wishlist", items=(Item("A"),), **identifiers)


def seen(minute: int, event_type: str, items: tuple[Item, ...] = (), **identifiers: str) -> ChannelEvent:
    return ChannelEvent(f"e-{minute}", event_type, "web", TEN + minute * MINUTE, identifiers, items=items)


def stock(minute: int, pieces: int) -> StockLevel:
    at_ms = TEN + minute * MINUTE
    return StockLevel("A", mode="full", updated_at_ms=at_ms, levels={"": pieces}, update_id=f"s-{minute}")


ONE_CUSTOMER: list[Told] = [
    stock(0, 0),
    wishes(1, cookie="a1"),
    wishes(2, account="u1"),
    seen(3, "page_viewed", cookie="a1", account="u1"),
]


def test_who_becomes_one_customer_takes_one_place_and_after_the_merge_was_undone_two() -> None:
    merged = played([*ONE_CUSTOMER, stock(6, 9)], RULES_OF["plain"], partitions=3)
    undone = played([*ONE_CUSTOMER, seen(5, "merge_undone", cookie="a1"), stock(6, 9)], RULES_OF["plain"], partitions=3)

    assert len(merged.triggers()) == 1
    assert len({trigger.customer_id for trigger in undone.triggers()}) == 2


def test_a_merge_undone_after_both_were_told_as_one_tells_nobody_again() -> None:
    stream: list[Told] = [*ONE_CUSTOMER, stock(6, 9), seen(7, "merge_undone", cookie="a1"), stock(8, 0), stock(9, 9)]

    assert len(played(stream, RULES_OF["plain"], partitions=3).triggers()) == 1


def test_of_products_that_come_back_at_the_same_instant_the_same_one_is_told_of_however_it_is_delivered() -> None:
    skus = [f"S-{number}" for number in range(6)]
    gone = [replace(stock(0, 0), sku=sku, update_id=f"gone-{sku}") for sku in skus]
    back = [replace(stock(9, 1), sku=sku, update_id=f"back-{sku}") for sku in skus]
    asked = seen(1, "stock_alert_requested", items=tuple(Item(sku) for sku in skus), account="u1")
    stream: list[Told] = [*gone, asked, *back]
    straight = results(played(stream, RULES_OF["with a cooldown"]))

    assert len(straight["triggers"]) == 1  # type: ignore[arg-type]
    for seed in range(8):
        disturbed = played(stream, RULES_OF["with a cooldown"], partitions=5, seed=seed, shuffle=10)
        assert results(disturbed) == straight
