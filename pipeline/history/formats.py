"""An answer as text, in the formats that ClickHouse knows by these names: the same from either engine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Final

from pipeline.history.engine import Answer

Formatter = Callable[[Answer], str]

MAX_CELL: Final = 60  # wider text is cut in a table for people
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cell(value: Any) -> str:
    """A value as one word: numbers and text as they are, lists and maps as JSON."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case list() | dict():
            return _json(value)
        case _:
            return str(value)


def _is_number(kind: str) -> bool:
    return kind.removeprefix("Nullable(").startswith(("Int", "UInt", "Float", "Decimal"))


def table(answer: Answer) -> str:
    """A table for people: numbers to the right, long text cut; below it the number of rows."""
    count = f"({len(answer.rows)} row{'' if len(answer.rows) == 1 else 's'})"
    return "\n".join([*grid(answer), count]) + "\n"


def grid(answer: Answer) -> list[str]:
    """The lines of such a table alone."""
    cells = [[_short(_cell(value)) for value in row] for row in answer.rows]
    widths = [max(map(len, column)) for column in zip(answer.columns, *cells, strict=True)]
    numbers = [_is_number(kind) for kind in answer.types]

    def line(row: list[str]) -> str:
        placed = zip(row, widths, numbers, strict=True)
        return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in placed).rstrip()

    rule = "  ".join("─" * width for width in widths)
    return [line(answer.columns), rule, *map(line, cells)]


def _short(text: str) -> str:
    flat = text.translate(_ESCAPES)
    return flat if len(flat) <= MAX_CELL else flat[: MAX_CELL - 1] + "…"


def vertical(answer: Answer) -> str:
    """One line per value, for rows with many columns."""
    width = max(map(len, answer.columns), default=0) + 1
    parts = []
    for number, row in enumerate(answer.rows, 1):
        parts.append(f"Row {number}:\n──────")
        named = zip(answer.columns, row, strict=True)
        parts += [f"{name + ':':<{width}} {_cell(value)}" for name, value in named]
        parts.append("")
    return "\n".join(parts)


def markdown(answer: Answer) -> str:
    """A table for a document."""
    rows = [[_cell(value).replace("|", "\\|").replace("\n", " ") for value in row] for row in answer.rows]
    dashes = ["-:" if _is_number(kind) else ":-" for kind in answer.types]
    return "".join(f"| {' | '.join(row)} |\n" for row in [answer.columns, dashes, *rows])


def _separated(answer: Answer, names: bool) -> str:
    rows = [["\\N" if value is None else _cell(value).translate(_ESCAPES) for value in row] for row in answer.rows]
    return "".join("\t".join(row) + "\n" for row in ([answer.columns] if names else []) + rows)


def _csv(answer: Answer, names: bool) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    if names:
        writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow([value if type(value) in (int, float) else _cell(value) for value in row])
    return text.getvalue()


def rows_json(answer: Answer) -> str:
    """One JSON document: the array of row objects."""
    return _json(answer.objects()) + "\n"


def _document(answer: Answer) -> str:
    meta = [{"name": name, "type": kind} for name, kind in zip(answer.columns, answer.types, strict=True)]
    return json.dumps({"meta": meta, "data": answer.objects(), "rows": len(answer.rows)}, ensure_ascii=False) + "\n"


def _lines(answer: Answer) -> str:
    return "".join(_json(row) + "\n" for row in answer.objects())


def _compact_lines(answer: Answer) -> str:
    return "".join(_json(row) + "\n" for row in answer.rows)


FORMATS: Final[dict[str, Formatter]] = {
    "Pretty": table,
    "Vertical": vertical,
    "Markdown": markdown,
    "TabSeparated": lambda answer: _separated(answer, names=False),
    "TabSeparatedWithNames": lambda answer: _separated(answer, names=True),
    "CSV": lambda answer: _csv(answer, names=False),
    "CSVWithNames": lambda answer: _csv(answer, names=True),
    "JSON": _document,
    "JSONEachRow": _lines,
    "JSONCompactEachRow": _compact_lines,
}
SYNONYMS: Final = {
    "table": "Pretty",
    "prettycompact": "Pretty",
    "tsv": "TabSeparated",
    "tsvwithnames": "TabSeparatedWithNames",
    "jsonl": "JSONEachRow",
    "ndjson": "JSONEachRow",
    "jsonlines": "JSONEachRow",
}


def formatter(name: str) -> Formatter | None:
    """Return the formatter of a name, in any case; None for an unknown one."""
    wanted = SYNONYMS.get(name.lower(), name).lower()
    return next((found for known, found in FORMATS.items() if known.lower() == wanted), None)
