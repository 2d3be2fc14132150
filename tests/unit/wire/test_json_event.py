from __future__ import annotations

import pytest
from msgspec import json

from pipeline.domain.errors import InvalidEvent, InvalidReason
from pipeline.wire.json_event import decode, encode, from_object, to_object
from pipeline.wire.json_fields import time_ms
from tests.unit.wire.events import FULL, SMALLEST


def test_the_json_form_is_that_of_the_contract() -> None:
    line = (
        '{"event_id":"e-1","event_type":"product_added","channel":"web","tenant":"default",'
        '"occurred_at":"2026-11-24T10:00:00Z","identifiers":{"cookie":"c-9","account":"u-1"},"cart_id":"c1",'
        '"items":[{"sku":"A","quantity":1,"unit_price_minor":1999,"currency":"EUR","attributes":{"size":"38"}}],'
        '"context":{"country":"DE","time_zone":"Europe/Berlin","device":"phone",'
        '"campaign":{"source":"google","medium":"cpc","name":"x"}},"properties":{}}'
    )

    event = decode(line)

    assert event.occurred_at_ms == 1_795_514_400_000
    assert event.context is not None
    assert event.context.campaign is not None
    assert event.context.campaign.medium == "cpc"
    assert event.items[0].attributes == {"size": "38"}
    assert decode(encode(event)) == event


@pytest.mark.parametrize("event", [FULL, SMALLEST])
def test_what_is_written_reads_back_the_same(event: object) -> None:
    assert from_object(json.decode(json.encode(to_object(event)))) == event  # type: ignore[arg-type]


def test_fields_that_say_nothing_are_left_out() -> None:
    assert encode(SMALLEST) == (
        b'{"event_id":"e-2","event_type":"page_viewed","channel":"web","tenant":"default",'
        b'"occurred_at":"2026-11-24T10:00:00.000Z","identifiers":{}}'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_795_514_400_000, 1_795_514_400_000),
        ("2026-11-24T10:00:00Z", 1_795_514_400_000),
        ("2026-11-24T11:00:00.250+01:00", 1_795_514_400_250),
        ("2026-11-24 10:00:00.999999Z", 1_795_514_400_999),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_times_are_text_or_milliseconds(value: object, expected: int) -> None:
    assert time_ms(value, "occurred_at") == expected


@pytest.mark.parametrize("value", ["2026-11-24T10:00:00", "2026-13-01T00:00:00Z", "", '"', "10:00"])
def test_a_time_that_is_none_or_has_no_zone_is_refused(value: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        time_ms(value, "occurred_at")

    assert caught.value.reason is InvalidReason.BAD_TIME


def test_an_overlong_value_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidEvent, match=r'^wrong_type: items: expected a list, got "x{56}\.\.\.$'):
        from_object({**to_object(SMALLEST), "items": "x" * 5_000})


@pytest.mark.parametrize("depth", [*range(900, 1_001), 5_000])
def test_what_is_nested_too_deep_is_refused_whether_or_not_it_can_be_read(depth: int) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth

    with pytest.raises(InvalidEvent, match=r"^(undecodable: nested far deeper|wrong_type: properties.a: expected)"):
        decode(encode(SMALLEST)[:-1] + b',"properties":' + nested.encode() + b"}")


def test_a_detail_is_cut_to_what_a_log_can_take() -> None:
    with pytest.raises(InvalidEvent) as caught:
        from_object({**to_object(SMALLEST), "properties": {"k" * 200_000: []}})

    assert len(caught.value.detail) == 502
    assert str(caught.value) == f"wrong_type: properties.{'k' * 489} …"


def test_text_that_is_not_unicode_is_undecodable() -> None:
    with pytest.raises(InvalidEvent, match=r"^undecodable: not JSON"):
        decode(b'{"event_id":"\xff"}')
