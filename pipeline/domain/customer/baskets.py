"""What products are told of an order, and of what comes back of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from pipeline.domain.customer.draft import Draft
from pipeline.domain.customer.orders import Order
from pipeline.domain.events import ChannelEvent
from pipeline.domain.facets.interests import View
from pipeline.domain.messages.effects import Send
from pipeline.domain.messages.keys import product_key
from pipeline.domain.messages.to_product import BoughtTogether, OrderCounted, ProductMessage, SeenBeside, TakenBack
from pipeline.domain.product.keys import CATEGORY_CHARACTERS, category_key, counter_of
from pipeline.domain.time import HOUR_MS

CATEGORY = "category"
"""The attribute of a line that names the product's category."""


MOST_EFFECTS = 512
"""Of one message, returns included: it may cause a thousand, and a merge of two customers who both know thirty large
orders would cause three thousand."""

VISIT_MS = HOUR_MS
"""What was looked at so long before an order was looked at for it."""

LOOKED_AT = 10
"""Products looked at that are told of an order, the last: who looks at more compares no longer."""


def tell_order(draft: Draft, order_id: str, order: Order, event: ChannelEvent) -> None:
    """Let each SKU that the customer keeps of an order know of the others, each category too, and count the order."""
    skus, at_ms = order.kept_skus, order.at_ms
    if not skus:
        return
    categories = {
        item.sku: name[:CATEGORY_CHARACTERS] for item in event.items if (name := item.attributes.get(CATEGORY))
    }
    bought_before = draft.facets_before.purchases
    for sku in skus:
        others = tuple(other for other in skus if other != sku)
        gap_days = None if bought_before is None else bought_before.gap_days(sku, at_ms)
        category, store = categories.get(sku, ""), event.store_id or ""
        _send(draft, BoughtTogether(draft.tenant, sku, others, at_ms, gap_days, category, event.channel, store))
    for category in sorted({categories[sku] for sku in skus if sku in categories}):
        others = tuple(sku for sku in skus if categories.get(sku) != category)
        _send(draft, BoughtTogether(draft.tenant, category_key(category), others, at_ms))
    _send(draft, OrderCounted(draft.tenant, counter_of(order_id), at_ms))
    _tell_looked_at(draft, skus, categories, at_ms)


def _tell_looked_at(draft: Draft, bought: Sequence[str], categories: Mapping[str, str], at_ms: int) -> None:
    """Let two products of a category know of each other where one was bought, and the other only looked at before."""
    interests = draft.facets.interests
    if interests is None:
        return
    views = interests.views
    lately = [sku for sku, view in views.items() if at_ms - VISIT_MS <= view.last_at_ms <= at_ms and sku not in bought]
    beside: dict[str, list[str]] = {}
    for seen in sorted(lately, key=lambda sku: (-views[sku].last_at_ms, sku))[:LOOKED_AT]:
        for sku in bought:
            category = categories.get(sku) or _category(views.get(sku))
            if category and category == _category(views[seen]):
                beside.setdefault(sku, []).append(seen)
                beside.setdefault(seen, []).append(sku)
    for sku, others in sorted(beside.items()):
        _send(draft, SeenBeside(draft.tenant, sku, tuple(sorted(others)), at_ms))


def _category(view: View | None) -> str:
    return (view.category or "")[:CATEGORY_CHARACTERS] if view is not None else ""


def tell_return(draft: Draft, order_id: str, before: Order | None, after: Order, at_ms: int) -> None:
    """Let products know of what the customer keeps no longer of an order. Categories are not: see product/README.md."""
    if before is not None:
        _tell_all(draft, list(_returned(draft.tenant, order_id, before, after, max(at_ms, before.at_ms))))


def tell_twice(draft: Draft, order_id: str, order: Order, at_ms: int) -> None:
    """Let products know that an order was told twice, and that this one was none: neither a basket nor a sale."""
    at_ms, sold = max(at_ms, order.at_ms), (order.channel, order.store)
    messages = list(_returned(draft.tenant, order_id, order, replace(order, cancelled=True), at_ms, sold))
    if order.channel:  # what came back is in no basket any more
        back = (sku for sku in order.skus if sku not in order.kept_skus)
        messages += (TakenBack(draft.tenant, sku, (), at_ms, order.at_ms, False, *sold) for sku in back)
    _tell_all(draft, messages)


def _tell_all(draft: Draft, messages: Sequence[ProductMessage]) -> None:
    if messages and len(draft.effects) + len(messages) > MOST_EFFECTS:
        draft.evicted("returns")
        return
    for message in messages:
        _send(draft, message)


def _returned(
    tenant: str, order_id: str, before: Order, after: Order, at_ms: int, sold: tuple[str, str] = ("", "")
) -> Iterator[ProductMessage]:
    had, kept = before.kept_skus, after.kept_skus
    gone = tuple(sku for sku in had if sku not in kept)
    for sku in gone:
        others = tuple(other for other in had if other != sku)
        yield TakenBack(tenant, sku, others, at_ms, before.at_ms, True, *sold)
    for sku in kept if gone else ():
        yield TakenBack(tenant, sku, gone, at_ms, before.at_ms, False)
    if gone and not kept:
        yield OrderCounted(tenant, counter_of(order_id), at_ms, before.at_ms)


def _send(draft: Draft, message: ProductMessage) -> None:
    draft.effects.append(Send("product", product_key(draft.tenant, message.sku), message))
