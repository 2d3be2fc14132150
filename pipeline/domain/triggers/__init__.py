"""Rule kinds: one file each, and the table a rules file may choose from.

To add one: a file here with a `Config` and a `Kind` (see `kind.py`), a line in `RULES`, an example in
`deploy/rules.yaml`, a test that tells its story. The contract suite takes it up by itself.
"""

from __future__ import annotations

from pipeline.domain.triggers.abandoned_cart import AbandonedCart
from pipeline.domain.triggers.cross_sell import CrossSell
from pipeline.domain.triggers.kind import Kind

RULES: dict[str, type[Kind]] = {
    "abandoned_cart": AbandonedCart,
    "cross_sell": CrossSell,
}
"""Kind as written in the rules file → its class."""
