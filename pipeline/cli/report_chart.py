"""A report as a chart: with characters for the terminal, with matplotlib into a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import USAGE, OmniError
from pipeline.history.engine import Answer
from pipeline.history.reports.catalogue import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS: Final = 40
"""Rows of a chart: more are no chart; the first ones are the ones that matter."""
WIDTH: Final = 50
"""Characters of the longest bar: with its label and number it fits a terminal of 100."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_SHADES: Final = " ░▒▓█"
LABEL: Final = 44
"""Characters of a label; longer ones are cut."""


def in_words(report: Report, answer: Answer) -> str:
    """Return the chart as lines of characters."""
    if not answer.rows:
        return f"{report.sentence}\n(no rows)\n"
    lines = _heat(report, answer) if report.chart.kind == "heat" else _bars(report, answer)
    return "\n".join([report.sentence, *lines]) + "\n"


def _bars(report: Report, answer: Answer) -> list[str]:
    labels, columns = _labelled(report, answer)
    values = columns[0]
    low, high = _limits(columns)
    least, most = min(0.0, *map(_finite, low)), max(0.0, *map(_finite, high))
    scale = WIDTH / (most - least) if most > least else 0.0
    width = max(map(len, labels))
    lines = [f"{'':<{width}}  {' – '.join(report.chart.values)}"]
    for place, label in enumerate(labels):
        value = values[place]
        if value is None:
            lines.append(f"{label:<{width}}  –")
            continue
        if report.chart.kind == "interval":
            drawn = _span([low[place], value, high[place]], least, scale)
            limits = f" ({_number(columns[1][place])} – {_number(columns[2][place])})"
        else:
            drawn, limits = _bar((value - least) * scale), ""
        lines.append(f"{label:<{width}}  {drawn}  {_number(value)}{limits}")
    return lines


def _bar(length: float) -> str:
    """Return a bar of that many characters, to an eighth.

    >>> _bar(2.5)
    '██▌'
    """
    whole, rest = divmod(round(length * 8), 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _span(limits: Sequence[float], least: float, scale: float) -> str:
    """Return a line from the lower to the upper limit, with a dot at the value and a bar at zero.

    >>> _span([-1.0, 1.0, 2.0], -2.0, 2.0)
    '  ──│─●──'
    """
    low, value, high = (round((each - least) * scale) for each in limits)
    cells = ["─" if low <= place <= high else " " for place in range(high + 1)]
    zero = round(-least * scale)
    if zero < len(cells):
        cells[zero] = "│"
    cells[value] = "●"
    return "".join(cells)


def _heat(report: Report, answer: Answer) -> list[str]:
    rows, columns, cells = _grid(report, answer)
    most = max(cells.values(), default=0.0) or 1.0
    width = max(map(len, rows))
    cell = 2 + max(len(each) for each in (*columns, *map(_number, cells.values())))
    lines = [f"{'':<{width}}  " + "".join(name.rjust(cell) for name in columns)]
    for row in rows:
        shown = []
        for column in columns:
            value = cells.get((row, column))
            shade = "" if value is None else _SHADES[math.ceil(value / most * 4)] + _number(value)
            shown.append(shade.rjust(cell))
        lines.append(f"{row:<{width}}  {''.join(shown)}".rstrip())
    return lines


def draw(report: Report, answer: Answer, file: Path) -> None:
    """Draw the chart of some rows into `file`, in the format its name ends in. Raises OSError, OmniError."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise OmniError(
            "--plot needs matplotlib: pip install 'omni-pipeline[plot]'. --chart needs nothing.", USAGE
        ) from None
    is_heat = report.chart.kind == "heat"
    lines = len(_grid(report, answer)[0] if is_heat else _labelled(report, answer)[0])
    figure = Figure(figsize=(10, 2 + 0.3 * max(lines, 4)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(report.sentence, loc="left", fontsize=10, wrap=True)
    (_draw_heat if is_heat else _draw_bars)(report, answer, axes)
    try:
        figure.savefig(file, dpi=120)
    except ValueError as error:
        raise OmniError(f"--plot {file}: {error}", USAGE) from None


def _draw_bars(report: Report, answer: Answer, axes: Axes) -> None:
    labels, columns = _labelled(report, answer)
    places = list(range(len(labels)))
    values = [math.nan if value is None else value for value in columns[0]]
    if report.chart.kind == "interval":
        low, high = _limits(columns)
        below = [value - _finite(limit) for value, limit in zip(values, low, strict=True)]
        above = [_finite(limit) - value for value, limit in zip(values, high, strict=True)]
        axes.errorbar(values, places, xerr=[below, above], fmt="o", capsize=4)
        axes.axvline(0, color="0.6", linewidth=1)
    else:
        axes.bar_label(axes.barh(places, values), [_number(value) for value in columns[0]], padding=3)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlabel(report.chart.values[0].replace("_", " "))


def _draw_heat(report: Report, answer: Answer, axes: Axes) -> None:
    from matplotlib.colors import PowerNorm

    rows, columns, cells = _grid(report, answer)
    shades = [[cells.get((row, column), math.nan) for column in columns] for row in rows]
    axes.imshow(shades, aspect="auto", cmap="Blues", norm=PowerNorm(0.5))  # one large cell hides no small ones
    for (row, column), value in cells.items():
        text = axes.text(columns.index(column), rows.index(row), _number(value), ha="center", va="center", fontsize=8)
        text.set_color("white" if value > 0.6 * max(cells.values()) else "black")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(report.chart.over or "")
    axes.set_ylabel(", ".join(report.chart.labels))


def _labelled(report: Report, answer: Answer) -> tuple[list[str], list[list[Any]]]:
    """Return the labels of the rows, and the columns to draw."""
    rows = answer.objects()[:MOST_ROWS]
    said = [name for name in report.chart.labels if len({row[name] for row in rows}) > 1] or report.chart.labels
    labels = [_cut(" · ".join(str(row[name]) for name in said)) for row in rows]
    return labels, [[row[name] for row in rows] for name in report.chart.values]


def _limits(columns: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """Return what the values lie between; one that is told without (a single opinion) lies at itself."""
    values = columns[0]
    low, high = columns[1:] or (values, values)
    return (
        [value if limit is None else limit for value, limit in zip(values, low, strict=True)],
        [value if limit is None else limit for value, limit in zip(values, high, strict=True)],
    )


def _grid(report: Report, answer: Answer) -> tuple[list[str], list[str], dict[tuple[str, str], float]]:
    """Return the names of rows and columns in the order they come (numbers by size), and the cells."""
    cells = dict[tuple[str, str], float]()
    rows, columns = dict[str, Any](), dict[str, Any]()
    for each in answer.objects():
        over = each[report.chart.over or ""]
        row, column = _cut(" · ".join(str(each[name]) for name in report.chart.labels)), _cut(str(over))
        rows[row], columns[column] = None, over
        cells[row, column] = each[report.chart.values[0]]
    if all(isinstance(value, int) for value in columns.values()):
        return list(rows), sorted(columns, key=lambda name: int(columns[name])), cells
    return list(rows), list(columns), cells


def _cut(label: str) -> str:
    text = label or "–"
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _finite(value: float | None) -> float:
    return 0.0 if value is None else float(value)


def _number(value: float | None) -> str:
    """Return a number as people read it.

    >>> _number(1234567), _number(0.1234), _number(2.0)
    ('1,234,567', '0.123', '2')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
