"""YAML read into structs by the types of their fields: what a rule kind may have as parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from pipeline.domain.money import Currency
from pipeline.domain.time import DAY_MS, HOUR_MS
from pipeline.struct_types import written
from pipeline.yaml_structs import StructFile


class Wait(Struct, frozen=True):
    wait_ms: int


class Send(Struct, frozen=True):
    send: str
    then: tuple[Wait | Send, ...] = ()


class Price(Struct, frozen=True):
    at_least_minor: int
    in_: Currency


class Everything(Struct, frozen=True):
    name: str
    steps: tuple[Wait | Send, ...] = ()
    after_ms: int | None = HOUR_MS
    gaps_ms: tuple[int, ...] = ()
    windows_ms: dict[str, int] = {}
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    level: Literal[1, 2, 3] = 1
    loud: bool = False
    price: Price | None = None
    words: str | tuple[str, ...] = ()
    longest_ms: Annotated[int, Meta(ge=0, le=2 * HOUR_MS)] = 0
    balance_minor: int = 0

    def __post_init__(self) -> None:
        if self.name == "nobody":
            raise ValueError("nobody is no name: give another")


class Wrong(Exception):
    pass


class File(StructFile):
    error = Wrong


def read(folder: Path, text: str) -> Everything:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    file = File(path)
    found: Everything | None = None
    assert file.root is not None
    with file.noting():
        found = file.struct(file.root, "it", Everything)
    if file.problems:
        raise Wrong("\n".join(file.problems).replace(f"{path}:", ""))
    assert found is not None
    return found


EVERYTHING = """
name: a
steps: [{wait: 1d}, {send: x, then: [{wait: 2h}, {send: y}]}]
after: none
gaps: [1h, 1d]
windows: {short: 1h, long: 7d}
share: 0.25
level: 2
loud: true
price: {at_least: 19.9, in: EUR}
words: [p, q]
longest: 0s
balance_minor: 1999
"""


def test_every_type_is_read_as_it_is_meant(tmp_path: Path) -> None:
    assert read(tmp_path, EVERYTHING) == Everything(
        "a",
        steps=(Wait(DAY_MS), Send("x", (Wait(2 * HOUR_MS), Send("y")))),
        after_ms=None,
        gaps_ms=(HOUR_MS, DAY_MS),
        windows_ms={"short": HOUR_MS, "long": 7 * DAY_MS},
        share=0.25,
        level=2,
        loud=True,
        price=Price(1_990, "EUR"),
        words=("p", "q"),
        balance_minor=1_999,
    )


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    assert read(tmp_path, "name: a") == Everything("a")


def test_what_was_read_can_be_written_as_it_was(tmp_path: Path) -> None:
    assert written(read(tmp_path, EVERYTHING), {}) == {
        "name": "a",
        "steps": [{"wait": "1d"}, {"send": "x", "then": [{"wait": "2h"}, {"send": "y"}]}],
        "gaps": ["1h", "1d"],
        "windows": {"short": "1h", "long": "7d"},
        "share": 0.25,
        "level": 2,
        "loud": True,
        "price": {"at_least": 19.9, "in": "EUR"},
        "words": ["p", "q"],
        "longest": "0d",
        "balance_minor": 1999,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("after: 1h", "1: it needs name."),
        ("name: nobody", "1: it: nobody is no name: give another."),
        ("name: a\nsteps: [{wayt: 1d}]", "2: unknown key wayt in step. Did you mean wait?"),
        ("name: a\nsteps: [{}]", "2: step says nothing. Known are: wait, send."),
        ("name: a\nsteps: [{send: x, then: [{send: [y]}]}]", "2: send must be one value."),
        ("name: a\ngaps: [1h, soon, 0m]",
         "2: gap: 'soon' is not a duration: write a whole number and a unit, as in 15s, 30m, 4h or 7d.\n"
         "2: gap: a duration of nothing. Give one from 1s on, or leave gap out."),
        ("name: a\nlongest: 3h", "2: longest: 3 h is too long. The most is 2 h."),
        ("name: a\nshare: 1", "2: share: '1' is not a number above 0 below 1."),
        ("name: a\nlevel: 4", "2: unknown level 4. Known are: 1, 2, 3."),
        ("name: a\nprice: {at_least: 1.5, in: JPY}", "2: at_least: '1.5' is not an amount in JPY: write it like 500."),
        ("name: a\nname: b", "2: name stands twice in it. Leave one away."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_its_field_and_the_remedy(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(Wrong) as refused:
        read(tmp_path, text)

    assert str(refused.value) == problem


def test_what_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="nested more than 32 deep"):
        read(tmp_path, "name: a\nsteps: &s [{send: x, then: *s}]")
