"""Carts by themselves: sums of additions and removals, whatever order they arrive in."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.carts import Cart, changed
from pipeline.domain.events import Item
from tests.unit.domain.story import Story, abandoned_cart, at_ms, clock_of, product_added, product_removed

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
