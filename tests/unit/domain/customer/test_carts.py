"""Carts in whatever order their life is told: what is in them, and that they are waited for while it is."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.customer.carts import Cart, changed
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.records import Decision
from tests.unit.domain.triggers.story import (
    Story,
    abandoned_cart,
    at_ms,
    cart_emptied,
    clock_of,
    order_completed,
    product_added,
    product_removed,
)

Delta = tuple[int, int, int]
"""Minute, sign, pieces."""


def cart_after(deltas: list[Delta]) -> Cart:
    """One line's life; each minute has a price of its own, a removal tells none."""
    cart = Cart()
    for minute, sign, pieces in deltas:
        told = Item("B", pieces, minute * 100 if sign > 0 else None, "EUR" if sign > 0 else None)
        cart, _ = changed(cart, (told,), sign, minute * 60_000)
    return cart


@given(
    lives=st.lists(st.tuples(st.integers(1, 9), st.sampled_from((1, -1)), st.integers(1, 3)), max_size=8).flatmap(
        lambda deltas: st.tuples(st.just(deltas), st.permutations(deltas))
    )
)
def test_additions_and_removals_of_a_line_give_the_same_cart_in_whatever_order_they_arrive(
    lives: tuple[list[Delta], list[Delta]],
) -> None:
    deltas, shuffled = lives

    assert cart_after(shuffled) == cart_after(deltas)
    assert cart_after(deltas).is_open == (sum(sign * pieces for _, sign, pieces in deltas) > 0)


def test_the_addition_that_a_removal_overtook_pays_its_debt_however_late_it_comes() -> None:
    added, removed, again = (
        (product_added("B", cart="c1", price=700), "10:10"),
        (product_removed("B", cart="c1"), "10:20"),
        (product_added("B", cart="c1", price=500), "10:20"),
    )
    for arriving in permutations((added, removed, again)):
        story = Story(abandoned_cart("1h"))
        for minute, (told, happened) in enumerate(arriving):
            story.at(happened, told, arriving=clock_of(at_ms("10:30") + minute * 60_000))

        assert story.state is not None
        assert story.state.carts["c1"].items() == (Item("B", 1, 500, "EUR"),)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[str, ChannelEvent]]:
    """What happens to one cart within nine minutes, several things in the same one, in the order of arrival."""
    made = []
    for number in range(draw(st.integers(1, 12))):
        told = draw(st.sampled_from((product_added, product_added, product_removed, order_completed, cart_emptied)))
        skus = () if told is cart_emptied else draw(st.sampled_from((("A",), ("B",))))
        made.append((f"10:0{draw(st.integers(1, 9))}", told(*skus, cart="c1", event_id=f"e-{number}")))
    return made


@given(life=lives(), clock=st.sampled_from(("wall", "event")))
def test_whatever_happened_in_whatever_order_a_cart_waits_for_its_reminder_exactly_while_it_is_open(
    life: list[tuple[str, ChannelEvent]], clock: Literal["wall", "event"]
) -> None:
    story = Story(abandoned_cart("1d"), clock=clock)
    for happened, told in life:
        story.at(happened, told, arriving="10:10")
        assert story.state is not None
        cart = story.state.carts.get("c1")
        assert len(story.state.timers) == (cart is not None and cart.is_open)

    decided = [record.decision_id for record in story.at("2d 10:00").records if isinstance(record, Decision)]
    assert len(decided) == len(set(decided))
