"""Envelopes: what goes in comes out, in envelopes of bounded size."""

from __future__ import annotations

from msgspec import Raw

from pipeline.streaming import envelope
from pipeline.streaming.envelope import Entry, Envelope


def test_raw_events_pass_through_an_envelope_untouched() -> None:
    entry = Entry(1, "a", 2, Raw(b"\x93\x01\x02\x03"))

    decoded = envelope.EnvelopeDecoder[Raw](Raw).decode(envelope.encode(Envelope("s", 0, 0, [entry])))

    assert bytes(decoded.entries[0].message) == b"\x93\x01\x02\x03"


def test_entries_of_many_bytes_go_in_several_envelopes_in_order() -> None:
    entries = [Entry(n, "a", 2, bytes(60_000)) for n in range(300)]

    packed = list(envelope.pack("s", 0, 0, entries))

    assert max(map(len, packed)) <= envelope.MAX_BYTES
    decode = envelope.EnvelopeDecoder[bytes](bytes).decode
    assert [entry.position for value in packed for entry in decode(value).entries] == list(range(300))


def test_an_envelope_holds_no_more_entries_than_a_position_can_number() -> None:
    packed = list(envelope.pack("s", 0, 0, [Entry(n, "a", 2, b"") for n in range(envelope.MAX_ENTRIES + 1)]))

    decode = envelope.EnvelopeDecoder[bytes](bytes).decode
    assert sum(len(decode(value).entries) for value in packed) == envelope.MAX_ENTRIES + 1
    assert len(packed) == 2
