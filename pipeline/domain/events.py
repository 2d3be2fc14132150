"""What a channel tells us: one `ChannelEvent` per thing that happened, in the words every module shares.

Times are integer milliseconds since the epoch, UTC. Money is integer minor units (cents) with its currency.
The structs are encoded as msgpack arrays: new fields go to the end and need a default, so that an older
record still decodes.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

Scalar: TypeAlias = str | int | float | bool | None


class Item(Struct, frozen=True, array_like=True, gc=False):
    """One line of a cart or an order. `quantity` in pieces, `unit_price_minor` in minor units of `currency`."""

    sku: str
    quantity: int = 1
    unit_price_minor: int | None = None
    currency: str | None = None
    attributes: dict[str, str] = {}


class Campaign(Struct, frozen=True, array_like=True, gc=False):
    """Where a visit came from, as its link said."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    content: str | None = None
    term: str | None = None


class Context(Struct, frozen=True, array_like=True, gc=False):
    """The circumstances of an event. Degrees for the position, IANA name for the zone, ISO 3166 for the country."""

    device: str | None = None
    locale: str | None = None
    country: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None
    weather: str | None = None
    campaign: Campaign | None = None


class ChannelEvent(Struct, frozen=True, array_like=True, gc=False):
    """One thing that happened in one channel, as `schemas/channel_event.avsc` describes it.

    `identifiers` maps an identifier kind (`account`, `email`, `cookie` …) to its value. `consent` maps a channel
    or purpose to granted (true) or denied (false). `trigger_id` names the message that led here.
    """

    event_id: str
    event_type: str
    channel: str
    occurred_at_ms: int
    identifiers: dict[str, str]
    tenant: str = "default"
    sent_at_ms: int | None = None
    session_id: str | None = None
    store_id: str | None = None
    order_id: str | None = None
    cart_id: str | None = None
    items: tuple[Item, ...] = ()
    amount_minor: int | None = None
    currency: str | None = None
    context: Context | None = None
    consent: dict[str, bool] | None = None
    trigger_id: str | None = None
    properties: dict[str, Scalar] = {}
