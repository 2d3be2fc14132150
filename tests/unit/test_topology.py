from __future__ import annotations

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.domain.records import DeadLetter
from pipeline.settings import Settings
from pipeline.streaming.delivery import MAX_BATCH_BYTES
from pipeline.streaming.units import Record
from pipeline.topology import InstallationTopology
from pipeline.wire.records import decode_record

MIB = 1 << 20


def refused(key: bytes | None, value: bytes | None) -> tuple[DeadLetter, int]:
    """The dead letter of a record, and how many bytes the batch has that carries it."""
    record = Record(7, 1_795_514_400_000, key, value)
    output = InstallationTopology(Settings()).dead_letter("channel.web", 3, record, "value_too_long", "too long")
    batch = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=MAX_BATCH_BYTES,
    )  # fmt: skip
    batch.append(0, 1_795_514_400_000, output.key, output.value, list(output.headers))
    return decode_record(DeadLetter, output.value), len(batch.build())


def test_what_was_refused_is_kept_byte_by_byte() -> None:
    letter, _ = refused(b"u-1", b"\x00\xff" * MIB)

    assert (letter.key, letter.value, letter.detail) == (b"u-1", b"\x00\xff" * MIB, "too long")


def test_what_is_too_large_for_any_batch_is_cut_and_says_so() -> None:
    letter, batch_bytes = refused(b"k" * 17 * MIB, b"v" * 17 * MIB)

    assert letter.value == b"v" * 14 * MIB
    assert letter.detail == (
        "too long; of 17,825,792 bytes of its key the first 262,144 are kept"
        "; of 17,825,792 bytes of its value the first 14,680,064 are kept"
    )
    assert batch_bytes < MAX_BATCH_BYTES


def test_a_record_without_key_and_value_is_a_dead_letter_without_them() -> None:
    letter, _ = refused(None, None)

    assert (letter.key, letter.value) == (None, None)


def test_a_dead_letter_has_the_headers_of_every_record_and_its_trace_is_where_the_refused_one_stands() -> None:
    record = Record(7, 1_795_514_400_000, b"u-1", b"{oops")

    output = InstallationTopology(Settings()).dead_letter("channel.web", 3, record, "undecodable", "not JSON")

    headers = dict(output.headers)
    assert {name: headers[name] for name in ("tenant", "schema", "trace")} == {
        "tenant": b"",  # what was refused is not trusted to say whose it is
        "schema": b"dead_letter",
        "trace": b"channel.web/3/7",
    }
