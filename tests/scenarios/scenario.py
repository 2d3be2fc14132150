"""Reads the stories of this folder (README.md says how they are written): events in, what must come of them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import yaml

from pipeline.domain.catalog import CatalogRecord
from pipeline.domain.events import ChannelEvent
from pipeline.domain.time import epoch_ms
from pipeline.wire import json_catalog, json_event

FOLDER = Path(__file__).parent
HEAD = FOLDER / "rules_head.yaml"
DAY, ZONE = date(2026, 11, 24), ZoneInfo("Europe/Berlin")
"""The day every story begins on, and the clock on its walls. It is one hour ahead of UTC until 28 March 2027."""

_SEQUENCE = "tag:yaml.org,2002:seq"
_CLOCK = re.compile(r"(?:\+(\d+)d )?([0-2]\d):([0-5]\d)")
_OF_A_MESSAGE = re.compile(r"<(\w+)\.(trigger_id|code)>")

Object: TypeAlias = dict[str, Any]
Told: TypeAlias = ChannelEvent | CatalogRecord
Sent: TypeAlias = Callable[[int, str, str], str]
"""(before when, rule, trigger_id or code) → what the first message of that rule holds."""


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    """All messages, all that was not sent, all customers, the changes of identity of these sorts, rows of history.

    `reports` are all rows of `omni report NAME`, asked with the options `given`.
    `assortments` are what `omni assortment` shows at a time: of each the lists named, each whole. `audiences`: all
    `members` of the story's audiences, `at` a time.
    """

    triggers: list[Object]
    customers: list[Object]
    not_sent: list[Object] = []
    identity: list[Object] = []
    assortments: list[Object] = []
    audiences: list[Object] = []
    history: list[Object] = []
    reports: list[Object] = []

    def quoting(self, sent: Callable[[str, str], str]) -> Expected:
        """Return the same with what it quotes of messages filled in."""
        return Expected(**{name: _quoted(getattr(self, name), sent) for name in self.__struct_fields__})


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """One story. `products` are lines by SKU, so that an event may name the SKU alone.

    An event with `times` happens so often, each time as an event of its own at the same instant. Among the `events` may
    stand products and stock levels of the catalogue, by their fields.
    """

    title: str
    rules: list[Any]
    events: list[Object]
    until: str
    expected: Expected
    products: dict[str, Object] = {}
    audiences: list[Object] = []
    tenant: str = ""
    path: Path = FOLDER

    @property
    def rule_names(self) -> frozenset[str]:
        return frozenset(rule["name"] for rule in self.rules)

    @property
    def audience_names(self) -> frozenset[str]:
        return frozenset(audience["name"] for audience in self.audiences)

    @property
    def until_ms(self) -> int:
        return clock_ms(self.until)

    def stream(self, sent: Sent) -> Iterator[Told]:
        """Yield what happens in the order of the story. What a message will hold (its code) is asked of `sent`."""
        for number, told in enumerate(self.events, start=1):
            fields = dict(told)
            at_ms, times = clock_ms(fields.pop("at")), fields.pop("times", 1)
            if "event_type" not in fields:
                record = {"update_id": f"{self.tenant}-{number}", **fields, "updated_at": at_ms, "tenant": self.tenant}
                yield json_catalog.decode_any(msgspec.json.encode(record))
                continue
            fields = _each_text(_quoted(fields, partial(sent, at_ms)), _moment)
            items = [self._line(item) for item in fields.get("items", [])]
            event = {"event_id": f"{self.tenant}-{number}", **fields, "occurred_at": at_ms, "tenant": self.tenant}
            event |= {"items": items} if items else {}
            for time in range(times):
                more = {"event_id": f"{event['event_id']}-{time}"} if time else {}
                yield json_event.from_object(event | more)

    def report_words(self, asked: Object) -> list[str]:
        """Return the words after `omni report` that ask for one of the expected `reports`."""
        given = {"tenant": self.tenant, **asked.get("given", {})}
        return [asked["name"], "--json", *(w for name, value in given.items() for w in (f"--{name}", _moment(value)))]

    def _line(self, item: str | Object) -> Object:
        line = {"sku": item} if isinstance(item, str) else item
        return {**self.products.get(line["sku"], {}), **line}


def time_of(told: Told) -> int:
    """Return when it happened, or when the catalogue was changed."""
    return told.occurred_at_ms if isinstance(told, ChannelEvent) else told.updated_at_ms


def clock_ms(text: str) -> int:
    """Read "10:00" (on the first day) or "+2d 10:00", by the clock of `ZONE`. Raises ValueError."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no time of a story: write "10:00" or "+2d 10:00"')
    day = DAY + timedelta(days=int(match[1] or 0))
    return epoch_ms(datetime(day.year, day.month, day.day, int(match[2]), int(match[3]), tzinfo=ZONE))


def is_clock(text: str) -> bool:
    """Whether this is a time of a story."""
    return _CLOCK.fullmatch(text) is not None


def scenario_files() -> list[Path]:
    """Return the files of all stories, in their order."""
    return sorted(FOLDER.glob("s[0-9][0-9]_*.yaml"))


def read_scenario(path: Path) -> Scenario:
    """Read one story. Raises what says where it is wrong."""
    scenario = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Scenario)
    scenario.path, scenario.tenant = path, path.name[:3]
    times = [clock_ms(event["at"]) for event in scenario.events]
    assert times == sorted(times), f"{path.name}: a story is told in the order in which it happens"
    assert times[-1] <= scenario.until_ms, f"{path.name}: ends before its last event"
    return scenario


def rules_text(scenarios: Iterable[Scenario]) -> str:
    """Return one rules file with the rules and audiences of these stories, each written as it stands there."""
    head, paths = _mapping(HEAD), [scenario.path for scenario in scenarios]
    for name in ("audiences", "rules"):
        entries = [entry for path in paths for entry in _entries(path, name)]
        head.value.append((yaml.ScalarNode("tag:yaml.org,2002:str", name), yaml.SequenceNode(_SEQUENCE, entries)))
    return str(yaml.serialize(head))


def _entries(path: Path, name: str) -> list[yaml.Node]:
    """Return a list of a story as it is written: `on` is a word in rules, and not YAML's true."""
    return next((value.value for key, value in _mapping(path).value if key.value == name), [])


def _mapping(path: Path) -> yaml.MappingNode:
    node = yaml.compose(path.read_text(encoding="utf-8"))
    assert isinstance(node, yaml.MappingNode), f"{path.name} is no mapping"
    return node


def _quoted(value: Any, sent: Callable[[str, str], str]) -> Any:
    """Put in place of each "<rule.code>" and "<rule.trigger_id>" what `sent` says the first message of it holds."""
    return _each_text(value, lambda text: _OF_A_MESSAGE.sub(lambda match: sent(match[1], match[2]), text))


def _moment(text: str) -> str:
    """Return a time of the story as producers write it, any other text as it is."""
    return datetime.fromtimestamp(clock_ms(text) / 1000, ZONE).isoformat() if is_clock(text) else text


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _each_text(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [_each_text(part, change) for part in value]
    return change(value) if isinstance(value, str) else value
