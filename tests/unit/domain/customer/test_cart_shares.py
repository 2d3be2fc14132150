"""What each part of a merged customer put into a cart: bounded, and given back."""

from __future__ import annotations

from functools import partial

from pipeline.domain.customer import cart_shares, carts
from pipeline.domain.customer.cart_shares import SHARE_LINES_KEPT
from pipeline.domain.customer.carts import Cart
from pipeline.domain.events import Item


def with_added(cart: Cart, part: str, *skus: str, at_ms: int) -> Cart:
    def add(cart: Cart) -> Cart:
        return carts.changed(cart, [Item(sku) for sku in skus], 1, at_ms)[0]

    return cart_shares.changed_by(part, cart, add)


def skus(cart: Cart | None) -> list[str]:
    return [] if cart is None else [item.sku for item in cart.items()]


def test_a_cart_of_one_part_alone_keeps_no_copy_of_itself() -> None:
    cart = with_added(Cart(part="mia"), "mia", "A", at_ms=1)

    assert cart.shares == {}
    assert cart_shares.changed_by("nia", cart, partial(carts.touched, at_ms=2)).shares == {}


def test_each_part_takes_what_it_put_into_the_cart_of_all() -> None:
    cart = with_added(Cart(), "", "A", at_ms=1)
    cart = with_added(with_added(cart, "mia", "B", at_ms=2), "nia", "C", at_ms=3)

    stays, goes = cart_shares.parted(cart, {"nia"}, 0, 0)

    assert (skus(cart), skus(stays), skus(goes)) == (["A", "B", "C"], ["A", "B"], ["C"])
    assert stays is not None
    assert [skus(side) for side in cart_shares.parted(stays, {"mia"}, 0, 0)] == [["A"], ["B"]]


def test_what_an_order_bought_that_named_the_cart_nobody_gets_back() -> None:
    cart = with_added(with_added(Cart(part="mia"), "mia", "A", at_ms=1), "nia", "B", at_ms=2)

    cart = cart_shares.closed(cart, 3)

    assert (cart.is_open, cart.shares) == (False, {})


def test_a_cart_of_two_with_too_many_lines_is_of_the_part_that_began_it() -> None:
    many = [f"SKU-{number}" for number in range(SHARE_LINES_KEPT)]
    cart = with_added(Cart(part="mia"), "mia", "A", at_ms=1)

    shared, whole = with_added(cart, "nia", *many[1:], at_ms=2), with_added(cart, "nia", *many, at_ms=2)

    assert [len(skus(side)) for side in cart_shares.parted(shared, {"nia"}, 0, 0)] == [1, SHARE_LINES_KEPT - 1]
    assert [len(skus(side)) for side in cart_shares.parted(whole, {"nia"}, 0, 0)] == [SHARE_LINES_KEPT + 1, 0]


def test_what_a_part_put_in_that_is_taken_for_good_is_the_customers_own() -> None:
    cart = with_added(Cart(part="mia"), "mia", "A", at_ms=1)
    cart = with_added(with_added(cart, "nia", "B", at_ms=2), "", "C", at_ms=3)

    stays, goes = cart_shares.parted(cart_shares.settled(cart, {"mia"}), {"nia"}, 0, 0)

    assert (skus(stays), skus(goes)) == (["A", "C"], ["B"])


def test_a_cart_emptied_by_one_of_those_who_stay_is_not_filled_again_when_another_goes() -> None:
    cart = with_added(with_added(Cart(), "", "A", at_ms=1), "nia", "B", at_ms=2)
    cart = cart_shares.changed_by("mia", cart, partial(carts.emptied, at_ms=3))

    stays, goes = cart_shares.parted(cart, {"nia"}, 0, 0)

    assert (skus(stays), skus(goes)) == ([], ["B"])
