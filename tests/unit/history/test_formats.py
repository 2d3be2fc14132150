from __future__ import annotations

import json

import pytest

from pipeline.history.engine import Answer
from pipeline.history.formats import FORMATS, formatter, rows_json

ANSWER = Answer(
    ["channel", "events", "skus", "share"],
    ["String", "UInt64", "Array(String)", "Nullable(Float64)"],
    [["web", 12, ["a", "b"], 0.5], ['a\tb|\n"c"', 18446744073709551615, [], None]],
)


def shown(name: str) -> str:
    write = formatter(name)
    assert write is not None
    return write(ANSWER)


def test_a_table_for_people_lines_its_columns_up_and_counts_its_rows() -> None:
    lines = shown("Pretty").splitlines()

    assert lines[0] == "channel                   events  skus        share"
    assert lines[2] == 'web                           12  ["a", "b"]    0.5'
    assert lines[3] == 'a\\tb|\\n"c"  18446744073709551615  []           NULL'
    assert lines[-1] == "(2 rows)"


def test_tab_separated_text_escapes_what_would_break_it() -> None:
    assert shown("TSVWithNames").splitlines() == [
        "channel\tevents\tskus\tshare",
        'web\t12\t["a", "b"]\t0.5',
        'a\\tb|\\n"c"\t18446744073709551615\t[]\t\\N',
    ]


def test_csv_quotes_text_and_not_numbers() -> None:
    assert shown("CSV").startswith('"web",12,"[""a"", ""b""]",0.5\n')


def test_json_is_exact_for_numbers_beyond_double_precision() -> None:
    assert json.loads(shown("JSON"))["data"][1]["events"] == 18446744073709551615
    assert json.loads(rows_json(ANSWER))[0] == {"channel": "web", "events": 12, "skus": ["a", "b"], "share": 0.5}
    assert [json.loads(line)["share"] for line in shown("jsonl").splitlines()] == [0.5, None]


def test_markdown_keeps_a_cell_in_its_cell() -> None:
    assert shown("markdown").splitlines()[3] == '| a\tb\\| "c" | 18446744073709551615 | [] | NULL |'


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_an_answer_without_rows_and_one_without_columns(name: str) -> None:
    FORMATS[name](Answer(["a"], ["String"], []))
    FORMATS[name](Answer([], [], []))


def test_an_unknown_format_is_none() -> None:
    assert formatter("Parquet") is None
