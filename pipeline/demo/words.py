"""A trigger as a sentence: who, what, why – with names where the shop knows them."""

from __future__ import annotations

from datetime import timedelta

from pipeline.demo.stream import Names
from pipeline.domain.money import money_text
from pipeline.domain.records import IdentityChange, Trigger
from pipeline.domain.rules.in_force import Rules
from pipeline.domain.time import EPOCH, duration_text
from pipeline.domain.triggers import abandoned_cart
from pipeline.sources.shop_catalogue import BY_SKU

_WHERE = {"web": "on the site", "app": "in the app", "pos": "in a store", "call_center": "on the phone"}
ANONYMOUS = ("device", "cookie")
ITEMS_NAMED = 3


class Words:
    """Learns from identity changes who each customer is, and puts triggers into words."""

    def __init__(self, rules: Rules, names: Names) -> None:
        """`names` are the shop's own; a customer without one is called by the identifier first seen."""
        self._rules = rules
        self._names = names
        self._known: dict[str, str] = {}
        self._width = max((len(rule.name) for rule in rules.rules), default=0)

    def learn(self, change: IdentityChange) -> None:
        """Note whose identifier this is."""
        if change.change == "refused":
            return
        name = self._names.get((change.kind, change.value))
        if name is not None:
            self._known[change.customer_id] = name
        else:
            said = f"{change.kind} {change.value}"
            self._known.setdefault(change.customer_id, f"A visitor ({said})" if change.kind in ANONYMOUS else said)

    def line(self, trigger: Trigger) -> str:
        """Return the line for a trigger: time (UTC), rule, sentence."""
        at = EPOCH + timedelta(milliseconds=trigger.fired_at_ms)
        return f"  {at:%a %H:%M}  {trigger.rule:<{self._width}}  {self._sentence(trigger)}"

    def _sentence(self, trigger: Trigger) -> str:
        who = self._known.get(trigger.customer_id, "Somebody")
        if trigger.status == "revoked":
            return f"taken back for {who}: {trigger.reason}"
        if trigger.kind == "abandoned_cart":
            return self._cart(trigger, who)
        if trigger.kind == "cross_sell" and trigger.items:
            return _complement(trigger, who)
        return f"{who}: {trigger.reason}"

    def _cart(self, trigger: Trigger, who: str) -> str:
        rule = self._rules.by_name.get(trigger.rule)
        config = rule.config if rule is not None else None
        ago = f" {duration_text(config.delay_ms)} ago" if isinstance(config, abandoned_cart.Config) else ""
        names = [_name(item.sku) for item in trigger.items]
        more = len(names) - ITEMS_NAMED
        contents = " + ".join(names[:ITEMS_NAMED]) + (f" and {more} more" if more > 0 else "")
        amount, currency = trigger.context.get("amount_minor"), trigger.context.get("currency")
        worth = f" – {money_text(amount, str(currency or ''))}" if isinstance(amount, int) else ""
        return f"{who} left a cart{ago}: {contents or 'contents not told'}{worth}"


def _complement(trigger: Trigger, who: str) -> str:
    seen_in, first = str(trigger.context.get("seen_in", "")), str(trigger.context.get("goes_with", ""))
    share = None if "of_category" in trigger.context else trigger.context.get("confidence")
    often = f" (in {share * 100:.0f} % of its orders)" if isinstance(share, float) else ""
    where = _WHERE.get(seen_in, f"in {seen_in}")
    return f"{who}, {where}: {_name(trigger.items[0].sku)} goes well with {_name(first)}{often}"


def _name(sku: str) -> str:
    product = BY_SKU.get(sku)
    return product.name if product else sku
