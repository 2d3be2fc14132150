from __future__ import annotations

import pytest
from msgspec import structs

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.domain.events import ChannelEvent, Context, Item
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.identity.hashed import hash_of
from pipeline.wire.normalise import Normalised, digest, normalise
from tests.unit.wire.events import FULL, SMALLEST

CONFIG = IdentityConfig()


def tidy(**fields: object) -> Normalised:
    return normalise(structs.replace(SMALLEST, **fields), CONFIG)


def refusal(**fields: object) -> tuple[InvalidReason, str]:
    with pytest.raises(InvalidEvent) as caught:
        tidy(**fields)
    return caught.value.reason, caught.value.detail


def test_an_event_that_is_tidy_already_is_left_as_it_is() -> None:
    assert normalise(FULL, CONFIG).event is FULL


def test_words_are_lower_case_and_blanks_are_cut_off() -> None:
    event = tidy(
        event_id=" e-2 ", event_type=" Product_Viewed", channel="WEB ", tenant=" shop-a ", cart_id=" c1 "
    ).event

    assert (event.event_id, event.event_type, event.channel, event.tenant, event.cart_id) == (
        "e-2", "product_viewed", "web", "shop-a", "c1",
    )  # fmt: skip


def test_an_empty_tenant_is_the_default_one_and_an_empty_optional_id_is_none() -> None:
    event = tidy(tenant=" ", cart_id=" ", order_id="").event

    assert (event.tenant, event.cart_id, event.order_id) == ("default", None, None)


def test_identifiers_come_strongest_first_and_unknown_kinds_last() -> None:
    identifiers = {"palm": "p", "cookie": "c", "email": " A@Example.COM", "account": "U-1"}

    normalised = tidy(identifiers=identifiers)

    assert normalised.identifiers == (("account", "U-1"), ("email", "a@example.com"), ("cookie", "c"), ("palm", "p"))


def test_the_order_of_kinds_is_configured() -> None:
    event = structs.replace(SMALLEST, identifiers={"account": "u", "cookie": "c"})

    assert normalise(event, IdentityConfig(order=("cookie", "account"))).identifiers[0] == ("cookie", "c")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("null", "blocked_builtin"),
        ("NULL", "blocked_builtin"),
        ("guest", "blocked_builtin"),
        ("[object Object]", "blocked_builtin"),
        ("0", "blocked_zeros"),
        ("00000000-0000-0000-0000-000000000000", "blocked_zeros"),
        ("---", "blocked_zeros"),
        ("x" * 1025, "blocked_length"),
    ],
)
def test_b3_a_value_that_identifies_nobody_does_not_link_but_its_event_is_kept(value: str, why: str) -> None:
    normalised = tidy(identifiers={"account": value, "cookie": "c-9"})

    assert normalised.identifiers == (("cookie", "c-9"),)
    assert normalised.blocked == (("account", why),)
    assert normalised.event.identifiers == {"account": value, "cookie": "c-9"}


def test_an_event_without_any_identifier_is_a_customer_of_its_own() -> None:
    assert tidy(identifiers={}).identifiers == (("event", "e-2"),)
    assert tidy(identifiers={"account": " ", "cookie": "null"}).identifiers == (("event", "e-2"),)


def test_a_kind_that_could_be_taken_for_another_key_does_not_link() -> None:
    normalised = tidy(identifiers={"a:b": "c", " Cookie ": "c-9"})

    assert normalised.identifiers == (("cookie", "c-9"),)
    assert normalised.blocked == (("other", "blocked_kind"),)
    assert normalised.event.identifiers == {"a:b": "c", "cookie": "c-9"}


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"event_id": " "}, InvalidReason.NO_EVENT_ID, "event_id is empty"),
        ({"event_type": ""}, InvalidReason.NO_EVENT_TYPE, "event_type is empty"),
        ({"channel": " "}, InvalidReason.NO_CHANNEL, "channel is empty"),
        (
            {"tenant": "a\x1fb"},
            InvalidReason.BAD_TENANT,
            "tenant: 'a\\x1fb' may hold only letters, digits, dot, dash and underscore",
        ),
        (
            {"order_id": "o" * 257},
            InvalidReason.VALUE_TOO_LONG,
            f"order_id: 257 characters ('{'o' * 20}' …), at most 256 are taken",
        ),
        (
            {"items": (Item("A"), Item("B", 100_001))},
            InvalidReason.BAD_VALUE,
            "items[1].quantity: 100001 pieces, at most 100000 are taken",
        ),
        (
            {"items": (Item("A", 100_000, 10**8), Item("B", 1, -1))},
            InvalidReason.BAD_VALUE,
            "items: the sum of quantity × unit_price_minor: 10000000000001 is more than any honest sum, "
            "at most 10000000000000 is taken",
        ),
        (
            {"items": (Item("A", currency="Euro"),)},
            InvalidReason.BAD_VALUE,
            "currency: 'Euro' is not three letters, as in EUR (ISO 4217)",
        ),
        (
            {"items": (Item("A", attributes={"n" * 300: ""}),)},
            InvalidReason.VALUE_TOO_LONG,
            f"items[0].attributes.{'n' * 64}: 300 characters ('{'n' * 20}' …), at most 256 are taken",
        ),
        (
            {"event_id": "a\nb"},
            InvalidReason.BAD_VALUE,
            "event_id: 'a\\nb' holds the control character '\\n'",
        ),
        (
            {"tenant": " " * 65},
            InvalidReason.VALUE_TOO_LONG,
            f"tenant: 65 characters ('{' ' * 20}' …), at most 64 are taken",
        ),
        ({"items": (Item("A"), Item(" "))}, InvalidReason.BAD_VALUE, "items[1].sku is empty"),
        ({"items": (Item("A"),) * 1001}, InvalidReason.VALUE_TOO_LONG, "items: 1001 lines, at most 1000 are taken"),
        (
            {"identifiers": {f"k{n}": "v" for n in range(51)}},
            InvalidReason.VALUE_TOO_LONG,
            "identifiers: 51 kinds, at most 50 are taken",
        ),
        (
            {"sent_at_ms": 0},
            InvalidReason.BAD_TIME,
            "sent_at: 0 is not in the years 1980 to 2200; milliseconds since 1970 are wanted",
        ),
    ],
)  # fmt: skip
def test_what_no_honest_producer_sends_is_refused(
    fields: dict[str, object], reason: InvalidReason, detail: str
) -> None:
    assert refusal(**fields) == (reason, detail)


def test_what_is_as_large_as_may_be_is_taken() -> None:
    items = (Item("A" * 256, 100_000, 10**8, "EUR", {"n" * 256: "v" * 256}), Item("B", 100_000, 0))
    event = structs.replace(SMALLEST, event_id="e" * 256, items=items, amount_minor=-(10**13), currency="EUR")

    assert normalise(event, CONFIG).event is event


def test_skus_are_trimmed_and_currencies_are_capitals() -> None:
    event = tidy(items=(Item("A 1 "), Item("\u3000B", currency=" eur"), Item("C", currency=" ")), currency="usd").event

    assert [(item.sku, item.currency) for item in event.items] == [("A 1", None), ("B", "EUR"), ("C", None)]
    assert event.currency == "USD"


@pytest.mark.parametrize("turned", [False, True])
def test_two_spellings_of_one_kind_are_counted_and_the_order_of_a_map_does_not_choose(turned: bool) -> None:
    pairs = [("Cookie", "c-8"), ("cookie", "c-9"), ("email", "A@b.de"), ("E-Mail", "x"), ("EMAIL", "a@b.de ")]

    normalised = tidy(identifiers=dict(reversed(pairs) if turned else pairs))

    assert normalised.identifiers == (("email", "a@b.de"), ("cookie", "c-8"), ("e-mail", "x"))
    assert normalised.blocked == (("cookie", "blocked_second"),)
    assert normalised.event.identifiers["cookie"] == "c-8"


def test_b9_a_phone_number_links_by_the_country_of_the_event_and_is_kept_as_it_was_typed() -> None:
    normalised = tidy(identifiers={"phone": " 07911 123456 "}, context=Context(country="GB"))

    assert normalised.identifiers == (("phone", "+447911123456"),)
    assert normalised.event.identifiers == {"phone": "07911 123456"}


def test_what_cannot_be_a_number_or_a_hash_is_counted_and_kept() -> None:
    identifiers = {"phone": "0170 1234567", "email": "anna", "email_sha256": "a1", "cookie": "c-9"}

    normalised = tidy(identifiers=identifiers)

    assert normalised.identifiers == (("cookie", "c-9"),)
    assert normalised.blocked == (
        ("phone", "blocked_phone_country"),
        ("email", "blocked_email"),
        ("email_sha256", "blocked_hash"),
    )
    assert normalised.event.identifiers == identifiers


def test_a_hash_links_as_what_it_is_of_and_stands_in_history_as_it_was_sent() -> None:
    hashed = hash_of("anna@example.com")

    alone = tidy(identifiers={"Email_SHA256": hashed[7:].upper(), "cookie": "c-9"})
    beside_it = tidy(identifiers={"email_sha256": hashed, "email": "ANNA@example.com"})

    assert alone.identifiers == (("email", hashed), ("cookie", "c-9"))
    assert alone.event.identifiers == {"email_sha256": hashed[7:].upper(), "cookie": "c-9"}
    assert (beside_it.identifiers, beside_it.blocked) == ((("email", "anna@example.com"),), ())


@pytest.mark.parametrize("turned", [False, True])
def test_an_event_has_one_address_the_plain_one_before_the_hash_of_another(turned: bool) -> None:
    pairs = [("email", "otto@example.com"), ("email_sha256", hash_of("anna@example.com"))]

    normalised = tidy(identifiers=dict(reversed(pairs) if turned else pairs))

    assert normalised.identifiers == (("email", "otto@example.com"),)
    assert normalised.blocked == (("email_sha256", "blocked_second"),)


def test_b19_a_second_sending_of_an_event_has_the_same_digest() -> None:
    again = structs.replace(FULL, sent_at_ms=1_795_600_000_000, identifiers=dict(reversed(FULL.identifiers.items())))

    assert digest(again) == digest(FULL)


@pytest.mark.parametrize("change", [{"amount_minor": 1}, {"event_type": "x"}, {"items": ()}, {"properties": {}}])
def test_b20_the_same_id_with_another_payload_has_another_digest(change: dict[str, object]) -> None:
    other: ChannelEvent = structs.replace(FULL, **change)

    assert digest(other) != digest(FULL)


def test_the_digest_does_not_depend_on_the_process() -> None:
    assert digest(SMALLEST) == 3107909519
