"""Days of a shop by the clock in Berlin: events told as they happen, under a rules file, and what came of them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self, TypeAlias

from pipeline.domain.events import ChannelEvent
from pipeline.domain.identity.config import IdentityConfig
from pipeline.domain.records import Trigger
from pipeline.domain.rules.book import RuleBook
from pipeline.rules_file import rules_of
from pipeline.settings import Settings
from pipeline.simulation import Conditions, Simulation
from pipeline.wire import json_catalog, json_event
from tests.scenarios.scenario import DAY, ZONE, clock_ms

HEAD = "version: test-{number}\ntime_zone: Europe/Berlin\n"
FIELDS = {*ChannelEvent.__struct_fields__}
MIA, NIA = "mia@example.com", "nia@example.com"
CART = "rules:\n  - {name: cart, kind: abandoned_cart, delay: 1h, channels: [email]}\n"
NIGHT = 'rules:\n  - {name: cart, kind: abandoned_cart, delay: 1h, channels: [email], quiet_hours: "22:00-08:00"}\n'
ONE_A_DAY = "caps: [{channel: email, class: marketing, at_most: 1, per: 24h}]\n"
Message: TypeAlias = tuple[str, str, str | None]
Said: TypeAlias = tuple[str, str, str, str]


class Days:
    """Tells events in the order written. What names no field of an event is an identifier.

    Each event is over before the next is told, and the clock moves with them: an `at` that lies before the latest
    is an event that comes late.
    """

    def __init__(self, rules: str, identity: IdentityConfig | None = None, **conditions: Any) -> None:
        """Begin under a rules file, without its head, and conditions of `omni simulate`."""
        self._book = RuleBook()
        self._versions = 0
        self.rules_from("00:00", rules)
        under = Conditions(**({"partitions": 3, "seed": 1} | conditions))
        self.simulation = Simulation(Settings(), self._book, identity or IdentityConfig(), under)
        self.events: list[ChannelEvent] = []
        self._records = 0

    def rules_from(self, at: str, rules: str) -> Self:
        """Let another rules file hold from a time on; their versions are test-1, test-2 …"""
        self._versions += 1
        text = HEAD.format(number=self._versions) + rules
        self._book.put(rules_of(text, "rules.yaml", self._versions), clock_ms(at))
        return self

    def at(self, at: str, event_type: str = "page_viewed", **fields: Any) -> Self:
        """Tell one event, in the JSON form of events; lines of products may be named by their SKU."""
        known = {name: fields.pop(name) for name in list(fields) if name in FIELDS}
        known = {"event_id": f"e-{len(self.events) + 1}", "channel": "web", "identifiers": fields} | known
        items = [{"sku": each, "quantity": 1} if isinstance(each, str) else each for each in known.pop("items", ())]
        event = json_event.from_object({"event_type": event_type, "occurred_at": clock_ms(at), "items": items, **known})
        return self.tell(event)

    def tell(self, event: ChannelEvent) -> Self:
        """Tell an event, for the first time or again."""
        self.events.append(event)
        self.simulation.play([self.simulation.read(event)])
        return self

    def product(self, at: str, **fields: Any) -> Self:
        """Tell a record of the catalogue, in its JSON form: a product, or the stock of one."""
        self._records += 1
        record = {"updated_at": clock_ms(at), "update_id": f"u-{self._records}", **fields}
        self.simulation.play([self.simulation.read(json_catalog.decode_any(json.dumps(record).encode()))])
        return self

    def until(self, at: str) -> Self:
        """Let the clock run on."""
        self.simulation.play([], until_ms=clock_ms(at))
        return self

    @property
    def customers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.simulation.customer_lines()]

    def of(self, **identifier: str) -> dict[str, Any]:
        """Return the one customer that has an identifier."""
        ((kind, value),) = identifier.items()
        (found,) = [each for each in self.customers if value in each["identifiers"].get(kind, [])]
        return found

    def triggers(self, *rules: str) -> list[Trigger]:
        """Return all triggers and revokes, or those of some rules."""
        return [trigger for trigger in self.simulation.triggers() if not rules or trigger.rule in rules]

    def messages(self, *rules: str) -> list[Message]:
        """Return when each message went out, of which rule, to which address; "-rule" is one taken back."""
        return [
            (wall(each.fired_at_ms), ("-" if each.status == "revoked" else "") + each.rule, each.address)
            for each in self.triggers(*rules)
        ]

    def contents(self, *rules: str) -> list[list[str]]:
        """Return the SKUs that each message names."""
        return [[item.sku for item in each.items] for each in self.triggers(*rules)]

    def decided(self, *rules: str) -> list[Said]:
        """Return when, of which rule, with which outcome, and why."""
        return [
            (wall(each.decided_at_ms), each.rule, each.outcome, each.reason)
            for each in self.simulation.decisions()
            if not rules or each.rule in rules
        ]


def wall(at_ms: int) -> str:
    """Return a time as `clock_ms` reads it."""
    local = datetime.fromtimestamp(at_ms / 1000, ZONE)
    days = (local.date() - DAY).days
    return f"+{days}d {local:%H:%M}" if days else f"{local:%H:%M}"
