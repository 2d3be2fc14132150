"""A story: events at literal times of one day, told to one customer through the real actors, time passing between.

    story = Story(abandoned_cart(delay="30m")).at("10:00", cart_updated(total=80)).at("10:29").at("10:45")
    assert story.fired == [("10:30", "abandoned_cart")]

A time alone lets the clock reach it. `arriving=` is when the broker took the event, if later (or earlier) than it
happened. Every step also checks what must always hold: the state survives encoding, and nothing fires early.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from zlib import crc32

import msgspec
from msgspec.structs import replace

from pipeline.domain.arbiter.policy import Cap, Policy, QuietHours
from pipeline.domain.customer.actor import CustomerActor, CustomerState
from pipeline.domain.customer.as_json import Json, customer_json
from pipeline.domain.events import ChannelEvent, Item
from pipeline.domain.identity.actor import ALONE
from pipeline.domain.messages.effects import Count, Effect, Publish, Send
from pipeline.domain.messages.to_customer import Arrived, Complements, CustomerMessage, Granted, Handover, Merge
from pipeline.domain.messages.to_identity import Claim
from pipeline.domain.messages.to_product import AskComplements, BoughtTogether
from pipeline.domain.product.actor import ProductActor
from pipeline.domain.product.state import ProductState
from pipeline.domain.records import Decision, Trigger
from pipeline.domain.rules.book import RuleBook
from pipeline.domain.rules.in_force import Rule, Rules
from pipeline.domain.time import DAY_MS, MINUTE_MS, parse_duration, rfc3339
from pipeline.domain.triggers import RULES

MIDNIGHT_MS = 1_795_478_400_000  # 2026-11-24
_WIRE = msgspec.msgpack.Decoder(CustomerState)


def at_ms(clock: str) -> int:
    """Milliseconds of "10:00" on the day of the story; "1d 10:00" is a day later, "-2d 10:00" two days earlier."""
    day, _, time = clock.rpartition(" ")
    hours, _, minutes = time.partition(":")
    days = int(day.removesuffix("d")) if day else 0
    return MIDNIGHT_MS + days * DAY_MS + (int(hours) * 60 + int(minutes)) * MINUTE_MS


def clock_of(time_ms: int) -> str:
    """Return "10:00" for a time on the day of the story."""
    days, rest = divmod(time_ms - MIDNIGHT_MS, DAY_MS)
    minutes = rest // MINUTE_MS
    return f"{f'{days}d ' if days else ''}{minutes // 60:02d}:{minutes % 60:02d}"


def event(event_type: str, **fields: Any) -> ChannelEvent:
    """An event without id and time; the story gives it both."""
    event_id = fields.pop("event_id", "")
    channel = fields.pop("channel", "web")
    identifiers = fields.pop("identifiers", {"cookie": "c-9"})
    return ChannelEvent(event_id, event_type, channel, 0, identifiers, **fields)


def item(sku: str, quantity: int = 1, price: int | None = None) -> Item:
    return Item(sku, quantity, price, None if price is None else "EUR")


def product_added(*skus: str, cart: str | None = None, price: int | None = None, **fields: Any) -> ChannelEvent:
    return event("product_added", items=tuple(item(sku, 1, price) for sku in skus), cart_id=cart, **fields)


def product_removed(*skus: str, cart: str | None = None, **fields: Any) -> ChannelEvent:
    return event("product_removed", items=tuple(item(sku) for sku in skus), cart_id=cart, **fields)


def cart_updated(*items: Item, total: int | None = None, cart: str | None = None, **fields: Any) -> ChannelEvent:
    """`total` in major units of EUR, for a cart told without its lines."""
    amount = None if total is None else total * 100
    return event("cart_updated", items=items, amount_minor=amount, currency="EUR", cart_id=cart, **fields)


def cart_emptied(cart: str | None = None, **fields: Any) -> ChannelEvent:
    return event("cart_emptied", cart_id=cart, **fields)


def order_completed(*skus: str, cart: str | None = None, order: str | None = None, **fields: Any) -> ChannelEvent:
    return event("order_completed", items=tuple(item(sku) for sku in skus), cart_id=cart, order_id=order, **fields)


def hours(text: str) -> QuietHours:
    """ "22:00-08:00"."""
    start, end = ((at_ms(clock) - MIDNIGHT_MS) // MINUTE_MS for clock in text.split("-"))
    return QuietHours(start, end)


def a_cap(at_most: int, per: str, **fields: Any) -> Cap:
    """At most so many `per` "24h" (sliding) or "day", "week", "month" (of the calendar)."""
    if per in ("day", "week", "month"):
        return Cap(at_most, calendar=per, **fields)  # type: ignore[arg-type]
    return Cap(at_most, parse_duration(per), **fields)


def viewed(*skus: str, price: int | None = None, **fields: Any) -> ChannelEvent:
    return event("product_viewed", items=tuple(item(sku, 1, price) for sku in skus), **fields)


def told(event_type: str, **properties: Any) -> ChannelEvent:
    """An event that says all it has to say in its properties; a time of the story ("1d 10:00") under `starts_at`."""
    if "starts_at" in properties:
        properties["starts_at"] = rfc3339(at_ms(properties["starts_at"]))
    return event(event_type, properties=properties)


def a_rule(kind: str, *, name: str | None = None, cooldown: str | None = None, **fields: Any) -> Rule:
    """A rule of a kind; fields of its config (durations as text without `_ms`) and of `Rule` are told apart by name.

    `quiet_hours="22:00-08:00"`; `at_most=[a_cap(1, "24h")]`.
    """
    config_type = RULES[kind].config_type
    parameters: dict[str, Any] = {}
    for field in config_type.__struct_fields__:
        given = field.removesuffix("_ms")
        if given in fields:
            value = fields.pop(given)
            parameters[field] = parse_duration(value) if field.endswith("_ms") else value
    if cooldown is not None:
        fields["cooldown_ms"] = parse_duration(cooldown)
    if "expires_after" in fields:
        fields["expires_after_ms"] = parse_duration(fields.pop("expires_after"))
    if "quiet_hours" in fields:
        fields["quiet_hours"] = hours(fields["quiet_hours"])
    name = name or kind
    fields["at_most"] = tuple(replace(cap, rule=name) for cap in fields.get("at_most", ()))
    return Rule(name, kind, config_type(**parameters), **fields)


def abandoned_cart(delay: str = "1h", **fields: Any) -> Rule:
    return a_rule("abandoned_cart", delay=delay, **fields)


def cross_sell(**fields: Any) -> Rule:
    return a_rule("cross_sell", **fields)


class Story:
    """One customer, the products, the rules, and the clock. See the module."""

    def __init__(
        self,
        *rules: Rule,
        clock: Literal["wall", "event"] = "wall",
        policy: Policy | None = None,
        customer_id: str = "customer-1",
    ) -> None:
        self.book = RuleBook.of_one(Rules("test", rules, policy))
        self.actor = CustomerActor(self.book, clock)
        self.customer_id = customer_id
        self._ids = "e" if customer_id == "customer-1" else f"e-of-{customer_id}"
        self.products = ProductActor()
        self.state: CustomerState | None = None
        self.product_states: dict[str, ProductState] = {}
        self.effects: list[Effect] = []
        self._now_ms = 0
        self._told = 0

    # --- telling ------------------------------------------------------------------------------------------------

    def at(self, clock: str, *events: ChannelEvent, arriving: str | None = None) -> Story:
        """Let time reach `clock` (or `arriving`), then tell events that happened at `clock`."""
        received_ms = at_ms(arriving or clock)
        self.pass_time(received_ms)
        for told in events:
            self._told += 1
            happened = replace(told, event_id=told.event_id or f"{self._ids}-{self._told}", occurred_at_ms=at_ms(clock))
            self.tell(happened, received_ms)
        self.pass_time(received_ms)
        return self

    def again(self, told: ChannelEvent, clock: str, arriving: str) -> Story:
        """Tell the very same event (its id and time) once more."""
        self.pass_time(at_ms(arriving))
        self.tell(replace(told, occurred_at_ms=at_ms(clock)), at_ms(arriving))
        return self

    def tell(self, told: ChannelEvent, received_ms: int) -> None:
        digest = crc32(msgspec.msgpack.encode(told))
        identifiers = tuple(told.identifiers.items()) or ((ALONE, told.event_id),)
        self.deliver(Arrived(told.tenant, self.customer_id, identifiers, received_ms, digest, told), received_ms)

    def deliver(self, message: CustomerMessage, now_ms: int) -> None:
        state, effects = self.actor.handle(self.state, message, now_ms)
        self._keep(state, effects)

    def joined_by(self, other: Story, clock: str) -> Story:
        """Let another story's customer turn out to be this one."""
        self.pass_time(at_ms(clock))
        other.pass_time(at_ms(clock))
        cookie = ("cookie", "c-9")
        merge = Merge("m-1", other.customer_id, self.customer_id, "cookie", cookie, "e-merge", at_ms(clock))
        state = msgspec.Raw(msgspec.msgpack.encode(other.state))
        self.deliver(Handover("default", self.customer_id, merge, state), at_ms(clock))
        return self

    def pass_time(self, clock_ms: int) -> None:
        """Let the clock reach a time, waking the customer as often as it asks for it."""
        self._now_ms = max(self._now_ms, clock_ms)
        while self.state is not None:
            due = self.actor.wakes_at(self.state)
            if due is None or due > self._now_ms:
                return
            before = self.state
            self._keep(*self.actor.wake(before, self._now_ms))
            assert self.state != before

    def _keep(self, state: CustomerState | None, effects: Sequence[Effect]) -> None:
        assert state is not None
        self.state = _WIRE.decode(msgspec.msgpack.encode(state))
        assert self.state == state
        self.effects.extend(effects)
        for effect in effects:
            if isinstance(effect, Publish) and isinstance(effect.record, Trigger):
                assert effect.record.fired_at_ms <= self._now_ms, "fired early"
            if not isinstance(effect, Send):
                continue
            if isinstance(effect.message, BoughtTogether | AskComplements):
                self._ask(effect.key, effect.message)
            elif isinstance(effect.message, Claim):  # nobody else is there to claim it
                claim = effect.message
                granted = Granted("default", self.customer_id, claim.identifier, claim.event_id, claim.occurred_at_ms)
                self.deliver(granted, self._now_ms)

    def _ask(self, key: str, message: BoughtTogether | AskComplements) -> None:
        product, answers = self.products.handle(self.product_states.get(key), message, self._now_ms)
        if product is not None:
            self.product_states[key] = product
        for answer in answers:
            if isinstance(answer, Send) and isinstance(answer.message, Complements):
                self.deliver(answer.message, self._now_ms)

    def rules_from(self, clock: str, version: str, *rules: Rule, policy: Policy | None = None) -> Story:
        """Let these rules hold from `clock` on."""
        self.book.put(Rules(version, rules, policy, number=len(self.book)), at_ms(clock))
        return self

    def knows(self, **facets: Any) -> Story:
        """Let these facets (permissions, situation, …) be known of the customer from now on."""
        assert self.state is not None
        self.state = replace(self.state, facets=replace(self.state.facets, **facets))
        return self

    def trained(self, *basket: str, orders: int, gap_days: int | None = None) -> Story:
        """Let other customers have bought these SKUs together in so many orders, each so many days after their last."""
        for _ in range(orders):
            for sku in basket:
                others = tuple(sorted(other for other in basket if other != sku))
                self._ask(f"default\x1f{sku}", BoughtTogether("default", sku, others, at_ms("00:00"), gap_days))
        return self

    # --- what came of it ----------------------------------------------------------------------------------------

    @property
    def records(self) -> list[Trigger | Decision]:
        return [
            effect.record
            for effect in self.effects
            if isinstance(effect, Publish) and isinstance(effect.record, Trigger | Decision)
        ]

    @property
    def triggers(self) -> list[Trigger]:
        return [record for record in self.records if isinstance(record, Trigger)]

    @property
    def fired(self) -> list[tuple[str, str]]:
        return [(clock_of(t.fired_at_ms), t.rule) for t in self.triggers if t.status == "fired"]

    @property
    def revoked(self) -> list[Trigger]:
        return [trigger for trigger in self.triggers if trigger.status == "revoked"]

    @property
    def decisions(self) -> list[tuple[str, str, str]]:
        """Time, outcome and reason of each decision."""
        return [
            (clock_of(record.decided_at_ms), record.outcome, record.reason)
            for record in self.records
            if isinstance(record, Decision)
        ]

    def counted(self, counter: str) -> list[str]:
        """The reasons under which a counter was raised."""
        return [e.reason for e in self.effects if isinstance(e, Count) and e.counter == counter]

    @property
    def customer(self) -> dict[str, Json]:
        assert self.state is not None
        return customer_json(self.state)
