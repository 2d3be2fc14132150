from __future__ import annotations

import pytest

from pipeline.demo.words import Words
from pipeline.domain.events import Item
from pipeline.domain.records import IdentityChange, Trigger
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.triggers import RULES
from pipeline.domain.triggers.abandoned_cart import Config

AT_MS = 1_795_776_120_000
"""2026-11-27T10:42:00Z, a Friday."""

CART = Trigger(
    trigger_id="t-1",
    status="fired",
    rule="cart_reminder",
    kind="abandoned_cart",
    rules_version="test",
    tenant="default",
    customer_id="c-1",
    channel=None,
    address=None,
    caused_by="e-1",
    due_at_ms=AT_MS,
    fired_at_ms=AT_MS,
    expires_at_ms=None,
    items=(Item("ESP-LUCCA", 1, 64_900, "EUR"), Item("X-1", 1, 100, "EUR")),
    offer=None,
    context={"cart_id": "cart-1", "pieces": 2, "amount_minor": 65_000, "currency": "EUR"},
    content_variant=None,
    reason="Cart cart-1 was bought before the reminder was due",
)


@pytest.fixture
def words() -> Words:
    rules = Rules("test", (Rule("cart_reminder", "abandoned_cart", Config(delay_ms=1_800_000)),))
    return Words(rules, {("account", "u-1"): "Anna Fischer"})


def known(kind: str, value: str) -> IdentityChange:
    return IdentityChange("i-1", "default", "created", "c-1", kind, value, "first_seen", "e-1", AT_MS)


def test_a_cart_reminder_says_when_who_what_and_how_much(words: Words) -> None:
    words.learn(known("cookie", "ck-1"))
    words.learn(known("account", "u-1"))

    line = words.line(CART)

    assert (
        line
        == "  Fri 10:42  cart_reminder  Anna Fischer left a cart 30 min ago: Lucca espresso machine + X-1 – 650.00 EUR"
    )


@pytest.mark.parametrize(("kind", "who"), [("cookie", "A visitor (cookie 7)"), ("account", "account 7")])
def test_who_has_no_name_is_called_by_the_identifier(words: Words, kind: str, who: str) -> None:
    words.learn(known(kind, "7"))

    assert f"{who} left a cart" in words.line(CART)


@pytest.mark.parametrize(
    ("of_category", "how_often"), [({}, " (in 33 % of its orders)"), ({"of_category": "grinders"}, "")]
)
def test_a_suggestion_names_both_products_and_how_often_they_are_bought_together(
    words: Words, of_category: dict[str, str], how_often: str
) -> None:
    context = {"goes_with": "GRD-MOKA", "baskets": 9, "confidence": 0.3333, "seen_in": "pos", **of_category}
    rule = Rule("cross", "cross_sell", RULES["cross_sell"].config_type())
    trigger = Trigger(
        **{name: getattr(CART, name) for name in Trigger.__struct_fields__}
        | {"kind": "cross_sell", "rule": rule.name, "items": (Item("BRUSH-GRD"),), "context": context}
    )

    assert words.line(trigger).endswith(
        f"Somebody, in a store: Grinder brush goes well with Moka burr grinder{how_often}"
    )


def test_a_trigger_taken_back_says_why(words: Words) -> None:
    revoked = Trigger(**{name: getattr(CART, name) for name in Trigger.__struct_fields__} | {"status": "revoked"})

    assert words.line(revoked).endswith("taken back for Somebody: Cart cart-1 was bought before the reminder was due")
