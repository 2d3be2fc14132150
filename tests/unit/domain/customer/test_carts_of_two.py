"""One cart told by two customers who turn out to be one: as if one had told it, but for what the README says."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pytest

from pipeline.domain.customer.actor import CustomerActor
from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.state import CustomerState
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.merging import fold
from pipeline.domain.messages.keys import Identifier
from pipeline.domain.messages.to_customer import Arrived, Merge
from pipeline.domain.rules.in_force import Rules

NOON = 1_795_521_600_000
EMAIL: Identifier = ("email", "m@example.com")
MERGE = Merge("merge", "them", "us", "cookie", EMAIL, "e-9", NOON + 9_000)
PIECES = {"product_added": 2, "product_removed": 1, "cart_updated": 5, "cart_emptied": 0, "order_completed": 1}
CHANGES = ("product_added", "product_removed")
Told = tuple[str, str, str | None]
"""Who told it, the event's type, and the cart it names."""

WORDS = (*((event_type, "c") for event_type in PIECES), ("order_completed", None))
actor = CustomerActor(Rules("", ()))


def customer(customer_id: str, told: Iterable[tuple[int, Told]]) -> CustomerState:
    """The customer after its events, each at its place in the story."""
    state: CustomerState | None = None
    for place, (_, event_type, cart_id) in told:
        items = (Item("A", PIECES[event_type]),) if PIECES[event_type] else ()
        event = ChannelEvent(
            f"e-{place}",
            event_type,
            "web",
            NOON + place * 1_000,
            {},
            order_id=f"o-{place}",
            cart_id=cart_id,
            items=items,
        )
        arrived = Arrived("default", customer_id, (("cookie", customer_id),), NOON, 1, event, customer_id)
        state, _ = actor.handle(state, arrived, NOON)
    assert state is not None
    return state


def pieces(customer: CustomerState | Draft) -> int:
    return sum(item.quantity for cart in customer.carts.values() for item in cart.items())


def is_told_around(story: tuple[Told, ...]) -> bool:
    """Whether one of them told of the cart before the other told it whole or bought it, and changed pieces after."""
    return any(
        before[0] == after[0] != between[0]
        and before[1] in (*CHANGES, "cart_updated", "cart_emptied")
        and after[1] in CHANGES
        and between[1] not in CHANGES
        for first, before in enumerate(story)
        for second, between in enumerate(story[first:], first)
        for after in story[second:]
    )


@pytest.mark.parametrize("length", [2, 3])
def test_a_cart_told_by_two_is_the_one_that_one_would_have_told(length: int) -> None:
    around = 0
    for whos, words in product(product(("us", "them"), repeat=length), product(WORDS, repeat=length)):
        story = tuple((who, *word) for who, word in zip(whos, words, strict=True))
        numbered = list(enumerate(story))
        ours, theirs = ([each for each in numbered if each[1][0] == who] for who in ("us", "them"))
        if not ours or not theirs:
            continue
        if is_told_around(story):
            around += 1
            continue
        draft = Draft(customer("us", ours))

        fold(draft, customer("them", theirs), MERGE)

        assert pieces(draft) == pieces(customer("us", numbered)), story
    assert around == {2: 0, 3: 64}[length]


def test_pieces_from_before_the_other_told_the_cart_whole_are_in_it_as_well_if_more_were_put_in_after() -> None:
    draft = Draft(customer("us", [(0, ("us", "product_added", "c")), (2, ("us", "product_added", "c"))]))

    fold(draft, customer("them", [(1, ("them", "cart_updated", "c"))]), MERGE)

    assert pieces(draft) == 2 + 5 + 2
