"""What the catalogue tells of a product goes into its parts, and what has changed by it comes out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pipeline.domain.messages.effects import Effect
from pipeline.domain.messages.to_product import ProductTold, StockTold, VariantGone
from pipeline.domain.product.facts import Facts
from pipeline.domain.product.prices import PriceChange, Prices
from pipeline.domain.product.state import ProductState
from pipeline.domain.product.stock import Stock, changes


class Changed(Struct, frozen=True):
    """What is other than before: `available` by size (pieces before, pieces now), and a price.

    A product that is deleted has nothing available from then on, and its price is no news; one that is sold again has
    what its stock says.
    """

    available: dict[str, tuple[int, int]] = {}
    price: PriceChange | None = None


def told(
    state: ProductState, message: ProductTold | VariantGone | StockTold
) -> tuple[ProductState, Changed, Sequence[Effect]]:
    """Take in an update of the catalogue. The very same state comes back where it changed nothing."""
    price: PriceChange | None = None
    effects: Sequence[Effect]
    if isinstance(message, ProductTold):
        facts, effects = (state.facts or Facts()).told(message)
        prices = state.prices
        if message.unit_price_minor is not None:
            prices, price, more = (prices or Prices()).told(message)
            effects = (*effects, *more)
        if facts is state.facts and prices is state.prices:
            return state, Changed(), effects
        after = replace(state, facts=facts, prices=prices)
    elif isinstance(message, VariantGone):
        facts, effects = (state.facts or Facts()).without(message), ()
        if facts is state.facts:
            return state, Changed(), effects
        after = replace(state, facts=facts)
    else:
        stock, effects = (state.stock or Stock()).told(message)
        if stock is state.stock:
            return state, Changed(), effects
        after = replace(state, stock=stock)
    available = changes(state.available_by_size(), after.available_by_size())
    return after, Changed(available, None if after.is_deleted else price), effects
