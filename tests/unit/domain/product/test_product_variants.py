"""A variant that its product has no longer is sold no longer, whatever order the catalogue's word comes in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import permutations

import msgspec
import pytest
from msgspec.structs import replace

from pipeline.domain.catalog import Product
from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import CatalogMessage, ProductTold, StockTold, VariantGone
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.facts import GROUPS_KEPT, Facts
from pipeline.domain.product.state import ProductState, product_json
from pipeline.domain.product.variants import TOLD_AT_ONCE
from pipeline.wire.catalog import MAX_VARIANTS, told
from tests.harness.products import Products

TEN = 1_795_514_400_000


def variants(minute: int, *skus: str, group: str = "shoe", version: int = 0, **by_id: str) -> CatalogMessage:
    """What a group consists of: variants whose ids are their SKUs, or as given."""
    listed = dict(zip(skus, skus, strict=True)) | by_id
    return told(
        Product(group, updated_at_ms=TEN + minute * 60_000, version=version, variants=listed, update_id=f"g-{minute}")
    )


def variant(minute: int, sku: str, group: str = "shoe", name: str = "Shoe") -> CatalogMessage:
    return told(
        Product(sku, name=name, updated_at_ms=TEN + minute * 60_000, group=group, update_id=f"{sku}-{group}-{minute}")
    )


def shop(messages: Iterable[CatalogMessage]) -> Products:
    products = Products()
    for message in messages:
        products.tell(message)
    return products


def deleted(products: Products) -> set[str]:
    return {state.sku for state in products.states.values() if state.is_product and state.is_deleted}


def test_a_variant_that_a_later_list_does_not_name_is_deleted_and_keeps_its_name() -> None:
    products = shop([variant(0, "A"), variant(0, "B"), variants(0, "A", "B"), variant(5, "A"), variants(5, "A")])

    assert deleted(products) == {"B"}
    assert (product_json(products["B"], 0)["name"], product_json(products["B"], 0)["deleted"]) == ("Shoe", True)


def test_whatever_overtakes_what_the_latest_list_holds() -> None:
    words = [variant(0, "A"), variant(0, "B"), variants(0, "A", "B"), variants(5, "A"), variants(7, "A", "C")]

    for order in permutations([*words, variant(7, "C")]):
        assert deleted(shop(order)) == {"B"}, order


def test_a_variant_that_comes_back_is_sold_again() -> None:
    words = [variant(0, "B"), variants(0, "A", "B"), variants(5, "A"), variant(9, "B"), variants(9, "A", "B")]

    for order in permutations(words):
        assert deleted(shop(order)) == set(), order


def test_a_product_without_any_variants_left_is_gone_whole() -> None:
    assert deleted(shop([variant(0, "A"), variant(0, "B"), variants(0, "A", "B"), variants(5)])) == {"A", "B"}


def test_a_sku_that_another_product_has_by_now_is_sold_on() -> None:
    moved = [variant(0, "A"), variants(0, "A"), variant(3, "A", "boot"), variants(3, "A", group="boot"), variants(5)]

    for order in permutations(moved):
        assert deleted(shop(order)) == set(), order
    assert deleted(shop([*moved, variants(9, group="boot")])) == {"A"}


def test_a_variant_that_nobody_said_is_one_goes_by_the_lists_all_the_same() -> None:
    lists = [variants(0, "A", "B"), variants(5, "A")]

    for order in permutations([variant(0, "A", ""), variant(0, "B", ""), *lists]):
        assert deleted(shop(order)) == {"B"}, order
    assert deleted(shop([*lists, variant(9, "B", "")])) == set()


def test_a_variant_under_another_sku_leaves_the_old_one() -> None:
    products = shop([variant(0, "OLD"), variants(0, one="OLD"), variant(5, "NEW"), variants(5, one="NEW")])

    assert deleted(products) == {"OLD"}


def test_a_variant_named_without_its_sku_is_the_one_known_by_its_id() -> None:
    first = [variant(0, "A"), variant(0, "B"), variants(0, one="A", two="B")]

    assert deleted(shop([*first, variants(5, one="A", two="")])) == set()
    assert deleted(shop([*first, variants(5, one="A", two=""), variants(9, one="A")])) == {"B"}


def test_of_two_lists_of_one_time_the_later_version_holds_and_without_versions_none_that_either_names_is_lost() -> None:
    both = [variant(0, "A"), variant(0, "B")]

    assert deleted(shop([*both, variants(0, "A", version=2), variants(0, "A", "B", version=1)])) == {"B"}
    assert deleted(shop([*both, variants(0, "A"), variants(0, "A", "B")])) == set()
    for order in permutations([variants(0, "A", "B"), variants(0, "B")]):
        assert deleted(shop([*both, *order])) == set()


def test_a_variant_told_at_the_very_time_of_a_list_without_it_is_gone() -> None:
    for order in permutations([variants(0, "A", "B"), variant(5, "B"), variants(5, "A")]):
        assert deleted(shop(order)) == {"B"}, order


def test_of_how_many_products_it_was_a_variant_is_bounded_and_the_latest_word_of_each_holds() -> None:
    words = [VariantGone("default", "A", f"g-{number}", TEN + number, 0, f"group-{number}") for number in range(20)]
    facts = [Facts(), Facts()]
    for word in [*words, *words[::-1]]:
        facts[0] = facts[0].without(word)
    for word in [*words, replace(words[-1], updated_at_ms=TEN)]:
        facts[1] = facts[1].without(word)

    assert facts[0].gone == facts[1].gone
    assert len(facts[0].gone) == GROUPS_KEPT
    assert facts[0].gone["group-19"] == (TEN + 19, 0)


def test_those_who_wait_hear_that_a_variant_is_gone() -> None:
    products = shop([variant(0, "A"), variants(0, "A")])
    products.tell(StockTold("default", "A", "s-1", TEN, "full", (("", "", 5),)))
    assert products["A"].available_by_size() == {"": 5}

    products.tell(variants(5))

    assert products["A"].available_by_size() == {}
    assert products["A"].waves is not None
    assert products["A"].waves.pieces == {}


def test_thousands_of_variants_gone_at_once_are_told_in_turns() -> None:
    skus = [f"S{number:04}" for number in range(MAX_VARIANTS)]
    products = shop([variants(0, *skus)])
    key = product_key("default", variants(0).sku)
    actor, state = ProductActor(), products.states[key]

    state_after, effects = actor.handle(state, variants(5), 0)
    assert len(effects) <= TOLD_AT_ONCE + 1
    assert state_after is not None
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state_after), type=ProductState) == state_after
    gone = set()
    while effects:
        last = effects[-1]
        assert isinstance(last, Send)
        gone |= {each.key for each in effects if isinstance(each, Send) and each.key != key}
        assert isinstance(last.message, CatalogMessage)
        effects = actor.handle(state_after, last.message, 0)[1] if last.key == key else ()
    assert gone == {product_key("default", sku) for sku in skus}


def test_thousands_of_variants_gone_and_back_before_all_were_told_are_sold_again() -> None:
    skus = [f"S{number:04}" for number in range(TOLD_AT_ONCE + 1)]
    actor, state, sent = ProductActor(), None, deque[CatalogMessage]([variants(0, *skus), variants(5)])
    sent.append(variants(9, *skus))
    products = shop([variant(9, sku) for sku in skus])
    key = product_key("default", sent[0].sku)
    while sent:
        message = sent.popleft()
        if product_key(message.tenant, message.sku) == key:
            state, effects = actor.handle(state, message, 0)
            sent.extend(each.message for each in effects if isinstance(each, Send))  # type: ignore[misc]
        else:
            products.tell(message)

    assert deleted(products) == set()


def test_on_the_event_clock_a_variant_is_gone_from_its_time_on() -> None:
    actor, states = ProductActor("event"), dict[str, ProductState]()
    waiting = [variants(5, "A"), variants(0, "A", "B"), variant(0, "B"), variant(0, "A")]
    for minute in (0, 5):
        for message in waiting:
            key = product_key(message.tenant, message.sku)
            state, _ = actor.handle(states.get(key), message, TEN + minute * 60_000)
            assert state is not None
            states[key] = state
        waiting = []
        for key in sorted(states):
            state, effects = actor.wake(states[key], TEN + minute * 60_000)
            assert state is not None
            states[key] = state
            waiting += [each.message for each in effects if isinstance(each, Send)]  # type: ignore[misc]
    for message in waiting:
        state, _ = actor.handle(states["default\x1fB"], message, TEN + 300_000)
        assert state is not None
        state, _ = actor.wake(state, TEN + 300_000)

    assert state is not None
    assert (state.sku, state.is_deleted) == ("B", True)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Product("shoe", updated_at_ms=TEN, variants={"1": "A\x1dB"}), InvalidReason.BAD_VALUE),
        (Product("shoe", updated_at_ms=TEN, variants={"1\x1d2": "A"}), InvalidReason.BAD_VALUE),
        (
            Product("shoe", updated_at_ms=TEN, variants={str(number): "" for number in range(MAX_VARIANTS + 1)}),
            InvalidReason.VALUE_TOO_LONG,
        ),
    ],
)
def test_a_list_that_no_product_can_keep_is_refused(record: Product, reason: InvalidReason) -> None:
    with pytest.raises(InvalidEvent) as refused:
        told(record)

    assert refused.value.reason == reason


def test_a_state_from_before_variants_were_known_of_is_read() -> None:
    state, _ = ProductActor().handle(None, ProductTold("default", "A", "p-1", TEN, name="Shoe"), TEN)
    assert state is not None
    encoded = msgspec.to_builtins(state)
    encoded[6] = encoded[6][:7]  # the facts

    assert msgspec.convert(encoded[:-1], ProductState) == state
