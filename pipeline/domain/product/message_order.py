"""In which order messages to a product count, when the event clock lets them."""

from __future__ import annotations

from pipeline.domain.catalog import DELTA
from pipeline.domain.messages.to_product import (
    AskComplements,
    AskOrders,
    BoughtTogether,
    Demanded,
    OrderCounted,
    OrdersHeld,
    OrdersOf,
    OrdersTold,
    ProductMessage,
    ProductTold,
    SeenBeside,
    StockTold,
    TakenBack,
    VariantGone,
    VariantsTold,
)
from pipeline.domain.messages.waves import wave_order


def at_ms(message: ProductMessage) -> int:
    """Return the time of a message."""
    return order(message)[0]


def order(message: ProductMessage) -> tuple[int, int, float, tuple[str, ...]]:
    """By time: the catalogue, orders, demand, questions, word of those who wait.

    Then by version, or by how many orders are told, the most last; ties by content, so that the order of arrival does
    not matter.
    """
    match message:
        case ProductTold():
            price = (message.currency or "", str(message.unit_price_minor))
            return message.updated_at_ms, 0, message.version, (message.update_id, *price)
        case VariantsTold():
            return message.updated_at_ms, 0, message.version, (message.update_id, str(sorted(message.variants.items())))
        case VariantGone():
            return message.updated_at_ms, 0, message.version, (message.update_id, message.group)
        case StockTold():
            added = str(message.levels) if message.mode == DELTA else ""  # levels settle by themselves
            return message.updated_at_ms, 1, message.version, (message.mode, message.update_id, added)
        case BoughtTogether():
            ties = (str(message.gap_days), message.channel, message.store, message.category, *message.others)
            return message.occurred_at_ms, 2, 0, ties
        case OrderCounted():
            return message.occurred_at_ms, 2, 0, (str(message.taken_back_ms),)
        case TakenBack():
            return (
                message.occurred_at_ms,
                3,
                0,
                (str(message.bought_at_ms), message.channel, message.store, *message.others),
            )
        case SeenBeside():
            return message.occurred_at_ms, 3, 0, message.others
        case OrdersTold():
            return message.at_ms, 3, message.weight, (message.teller,)
        case Demanded():
            return message.at_ms, 4, message.stars, (message.what, message.channel, message.store)
        case AskOrders():
            return message.at_ms, 5, 0, (message.by,)
        case OrdersOf():
            return message.at_ms, 5, 0, (message.of, *message.to)
        case OrdersHeld():
            return message.at_ms, 6, message.weight, (message.of, str(message.orders), message.category)
        case AskComplements():
            return message.asked_at_ms, 7, 0, (message.customer_id, message.event_id)
        case _:
            time_ms, rank, number, text = wave_order(message)
            return time_ms, 8 + rank, number, (text,)
