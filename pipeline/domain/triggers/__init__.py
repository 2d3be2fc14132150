"""Rule kinds: one file each, and the table a rules file may choose from."""

from __future__ import annotations

from pipeline.domain.triggers.abandoned_cart import AbandonedCart
from pipeline.domain.triggers.cross_sell import CrossSell
from pipeline.domain.triggers.kind import Kind

RULES: dict[str, type[Kind]] = {
    "abandoned_cart": AbandonedCart,
    "cross_sell": CrossSell,
}
"""Kind as written in the rules file → its class."""
