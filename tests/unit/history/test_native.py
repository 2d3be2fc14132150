from __future__ import annotations

from typing import Any

import pytest

from pipeline.history import native
from pipeline.history.engine import RowsRefused
from pipeline.history.native import WORD, WORDS_KNOWN, Block, Column, Lists, block_of
from tests.harness.blocks import LATE_REVISION, read

TEXTS = ["", None, "a", "x" * 127, "x" * 128, "y" * 20_000, "Köln 日本 🛒", "nul \x00 and 'quote'"]


def told(kind: str, values: Column, revision: int = 0) -> list[Any]:
    return [row["c"] for row in read(block_of("t", [("c", kind)], [values]), revision)]


@pytest.mark.parametrize("kind", ["String", WORD])
def test_texts_of_any_length_and_script_are_read_as_they_were_and_absent_ones_as_empty(kind: str) -> None:
    assert told(kind, TEXTS) == [text or "" for text in TEXTS]
    assert told(kind, ["", None, ""]) == ["", "", ""]
    assert told(kind, ["a", "b" * 99]) == ["a", "b" * 99]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("Int64", [-(2**63), 0, 2**63 - 1]),
        ("UInt64", [0, 2**64 - 1]),
        ("UInt32", [0, 2**32 - 1]),
        ("Nullable(Int64)", [None, 0, -5, None]),
        ("Nullable(Int64)", [None, None]),
        ("Nullable(Float64)", [None, 50.94, 0.0]),
    ],
)
def test_numbers_are_read_as_they_were_with_and_without_none(kind: str, values: list[Any]) -> None:
    assert told(kind, values) == values
    assert told(kind, values, LATE_REVISION) == values


def test_rows_added_later_follow_the_earlier_ones_with_their_arrays() -> None:
    block = Block("t", [("id", "Int64"), ("n.kind", f"Array({WORD})"), ("n.value", "Array(Int64)")])
    for numbers, sizes, kinds, values in (
        ([1, 2], [2, 0], ["a", "b"], [1, 2]),
        ([3], [0], [], []),
        ([4, 5], [1, 1], ["c", "d"], [3, 4]),
    ):
        block.add([numbers, Lists(sizes, kinds), Lists(sizes, values)])

    assert [tuple(row.values()) for row in read(block)] == [
        (1, ["a", "b"], [1, 2]),
        (2, [], []),
        (3, [], []),
        (4, ["c"], [3]),
        (5, ["d"], [4]),
    ]
    assert block.rows == 5


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("String", "half a character: \ud83d"),
        (WORD, "half a character: \ud83d"),
        ("String", 7),
        ("Int64", 2**63),
        ("Int64", None),
        ("Int64", "7"),
        ("UInt32", -1),
        ("Nullable(Int64)", 2**64),
    ],
)
def test_of_rows_with_a_value_that_fits_no_column_none_is_added(kind: str, wrong: object) -> None:
    block = Block("t", [("id", "Int64"), ("c", kind)])
    block.add([[1], [None if kind.startswith("Nullable") else 5 if "Int" in kind else "a"]])

    with pytest.raises(RowsRefused):
        block.add([[2, 3], [wrong, wrong]])

    assert [row["id"] for row in read(block)] == [1]


def test_words_without_end_are_not_all_remembered() -> None:
    words: list[Any] = [f"w{number}" for number in range(WORDS_KNOWN + 10)]

    assert told(WORD, words) == words
    assert told(WORD, words[:3]) == words[:3]


def test_long_words_are_not_remembered_at_all() -> None:
    native._words.clear()

    assert told(WORD, ["a" * 1_000, "b"]) == ["a" * 1_000, "b"]
    assert set(native._words) == {"b"}
