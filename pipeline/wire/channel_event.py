"""Channel events on the wire: read in three framings (see `input_decoder.py`), written in one."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.domain.events import Campaign, ChannelEvent, Context, Item
from pipeline.wire import json_event
from pipeline.wire.avro_writer import compile_writer
from pipeline.wire.input_decoder import InputDecoder
from pipeline.wire.schemas import current

NAME = "channel_event"
STRUCTS: dict[str, Callable[..., object]] = {
    "ChannelEvent": ChannelEvent,
    "Item": Item,
    "Context": Context,
    "Campaign": Campaign,
}


class Decoder(InputDecoder[ChannelEvent]):
    """Decodes channel events."""

    def __init__(self, registry_url: str | None = None) -> None:
        """Ask the registry at `registry_url`, if any, for Confluent ids."""
        super().__init__(NAME, STRUCTS, json_event.decode, registry_url)


_HEADER = current(NAME).header
_write = compile_writer(current(NAME).definition)


def encode(event: ChannelEvent) -> bytes:
    """Encode one event in Avro single-object encoding. The same event is the same bytes."""
    return _HEADER + _write(event)
