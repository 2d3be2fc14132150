"""An event made again from its row is the event that was told."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.messages.to_customer import Arrived
from pipeline.history.rows import Kind, Row
from pipeline.history.stored_events import COLUMNS, event_of
from tests.harness.blocks import stored
from tests.history_rows import FULL_EVENT, ORIGIN, arrived


def again(event: Arrived) -> ChannelEvent:
    (row,) = stored([Row(Kind.EVENT, event, "customer.inbox/0", 0, ORIGIN)])
    return event_of({name: row[name] for name in COLUMNS})


def test_every_field_of_an_event_comes_back_its_identifiers_as_they_linked() -> None:
    assert again(FULL_EVENT) == replace(FULL_EVENT.event, identifiers={"account": "u-1", "cookie": "c-9"})


def test_what_an_event_does_not_say_is_not_there_afterwards() -> None:
    silent = arrived(items=(), order_id=None)

    event = again(silent)

    assert event == replace(silent.event, identifiers={"account": "u-1", "cookie": "c-9"})
    assert (event.context, event.consent, event.session_id, event.sent_at_ms) == (None, None, None, None)


def test_a_price_that_was_not_known_stays_unknown_and_a_free_gift_stays_free() -> None:
    items = (Item("unknown"), Item("free", 1, 0, "EUR"), Item("dear", 2, 4999, "EUR", {"size": "38"}))

    assert again(arrived(items=items)).items == items


def test_an_event_that_linked_nothing_links_nothing_again() -> None:
    alone = replace(arrived("e-9"), identifiers=(("event", "e-9"),))

    assert again(alone).identifiers == {}
