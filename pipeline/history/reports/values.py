"""What a person types for a report's parameter, as SQL."""

from __future__ import annotations

import re
import time
from statistics import NormalDist
from typing import Final

from msgspec import Struct

from pipeline.domain.errors import InvalidEvent
from pipeline.domain.time import parse_duration
from pipeline.errors import USAGE, OmniError
from pipeline.history.texts import texts
from pipeline.wire.json_fields import time_ms
from pipeline.wire.tidy import tidy_currency

LATEST_MS: Final = 32_503_680_000_000
"""The year 3000: after everything."""
MOST_STEPS: Final = 20
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_STEP: Final = re.compile(r"\w+(?:/[\w .-]+)?")


class Parameter(Struct, frozen=True):
    """One parameter: its name, its kind, its default as typed, and what it is in words.

    Kinds: time, duration, number, share (0 to 1), text, steps, two_sided and one_sided (a probability that becomes a
    quantile of the normal distribution), else the words to choose from, between `|`.
    """

    name: str
    kind: str
    default: str
    says: str

    @property
    def choices(self) -> tuple[str, ...]:
        """Return what there is to choose from; nothing for a parameter that is not a choice."""
        return tuple(self.kind.split("|")) if "|" in self.kind else ()


def written(parameter: Parameter, typed: str) -> dict[str, str]:
    """Return the words that stand for `typed` in a template, as SQL literals.

    >>> written(Parameter("window", "duration", "7d", ""), "1h")
    {'window': '3600000'}
    >>> written(Parameter("by", "sku|category", "sku", ""), "category")
    {'by': "'category'", 'by_word': 'category'}
    >>> written(Parameter("confidence", "two_sided", "0.95", ""), "0.95")
    {'z_confidence': '1.959964'}
    >>> written(Parameter("currency", "text", "", ""), "eur")
    {'currency': "'EUR'"}

    Raises OmniError where it is no value of that kind.
    """
    name = parameter.name
    try:
        match parameter.kind:
            case "time":
                return {name: str(_time_ms(name, typed))}
            case "duration":
                return {name: str(parse_duration(typed))}
            case "number":
                return {name: str(_within(int(typed), 0, 1_000_000))}
            case "share":
                return {name: str(_inside(typed))}
            case "two_sided":
                return {f"z_{name}": f"{NormalDist().inv_cdf((1 + _inside(typed)) / 2):.6f}"}
            case "one_sided":
                return {f"z_{name}": f"{NormalDist().inv_cdf(_inside(typed)):.6f}"}
            case "text" if name == "currency":
                return {name: texts([tidy_currency(typed) or ""])}
            case "steps":
                return _steps(name, [step.strip() for step in typed.split(",")])
    except (ValueError, InvalidEvent) as error:
        raise OmniError(f"--{name.replace('_', '-')} {typed}: {getattr(error, 'detail', error)}", USAGE) from None
    if parameter.choices and typed not in parameter.choices:
        raise OmniError(f"--{name} {typed}: it is one of {', '.join(parameter.choices)}", USAGE)
    return {name: texts([typed]), **({f"{name}_word": typed} if parameter.choices else {})}


def _time_ms(name: str, typed: str) -> int:
    """Read RFC 3339, milliseconds, or a day, which begins in UTC. Nothing: the beginning or the end of all."""
    if not typed:
        return LATEST_MS if name == "to" else 0
    if typed == "now":
        return time.time_ns() // 1_000_000
    if _DAY.fullmatch(typed):
        typed += "T00:00:00Z"
    return time_ms(int(typed) if typed.isdecimal() else typed, "time")


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError(f"it is not between {least:,} and {most:,}")
    return number


def _inside(typed: str) -> float:
    number = float(typed)
    if not 0 < number < 1:
        raise ValueError("it is not between 0 and 1")
    return number


def _steps(name: str, steps: list[str]) -> dict[str, str]:
    """Return what is told of each step, the chains that lead there (see `_NEXT_CHAIN`), and what goes with them."""
    if len(steps) > MOST_STEPS:
        raise ValueError(f"more than {MOST_STEPS} steps")
    conditions = []
    for step in steps:
        if not _STEP.fullmatch(step):
            raise ValueError("write event types with commas between, as product_added,checkout_step_viewed/payment")
        event_type, _, word = step.partition("/")
        condition = f"event_type = {texts([event_type])}"
        if word:
            told = " OR ".join(f"visitParamExtractString(properties, '{key}') = {texts([word])}" for key in _STEP_KEYS)
            condition += f" AND ({told})"
        conditions.append(condition)
    return {
        f"{name}_told": ", ".join(
            f"groupArrayIf(occurred_at_ms, {condition}) AS told_{number}"
            for number, condition in enumerate(conditions, 1)
        ),
        f"{name}_chains": ", ".join(
            ["arrayMap(at -> (at, at), arraySort(told_1)) AS chain_1"]
            + [
                f"arrayMap((chain, told) -> {_NEXT_CHAIN}, [chain_{number - 1}], [told_{number}])[1] AS chain_{number}"
                for number in range(2, len(steps) + 1)
            ]
        ),
        name: f"[{', '.join(f'chain_{number}' for number in range(1, len(steps) + 1))}]",
        f"{name}_types": texts(sorted({step.partition("/")[0] for step in steps})),
        f"{name}_names": f"[{texts(steps)}]",
        f"{name}_numbers": str(list(range(1, len(steps) + 1))),
    }


_STEP_KEYS: Final = ("step", "page")
_PUT_IN_ORDER: Final = """arraySort(arrayConcat(
    arrayMap(at -> (at, 0, toInt64(0)), told),
    arrayMap(
        (each, before) -> (each.1, 1, each.2 - before.2),
        chain, arrayPopBack(arrayPushFront(chain, (toInt64(0), toInt64(0))))
    )
))"""
_NEXT_CHAIN: Final = f"""arrayFilter(each -> each.2 > 0, arrayMap(
    (each, begun) -> (each.1, if(each.2 = 0, begun, toInt64(0))),
    {_PUT_IN_ORDER}, arrayCumSum(each -> each.3, {_PUT_IN_ORDER})
))"""
"""The times a step was taken after the one before it, each with when the latest way there began: from those of the
step before (`chain`) and the times the step was told at all (`told`). Of one moment the step comes first, so that it
does not follow what happens with it. Ways that end later began no earlier, so that what the begins grow by sums up to
the latest one: arrays are as long as there are events, whatever a robot does."""
