"""`omni product`: one product, by its SKU."""

from __future__ import annotations

import argparse
import sys

import msgspec

from pipeline.domain.product.state import product_json
from pipeline.errors import DONE, NO, OmniError
from pipeline.settings import Settings

HELP = """Show one product as the workers know it, from Kafka: name, prices, stock by store and size (what is not there
is 0), what is bought together with it, its rating, how many customers wait for word of its stock or price, and how much
it is wanted, by channel and store: counts as of its last event, halved every 14 days (the recent every day)."""
EXAMPLE = """
omni product CAP-RUN
omni product CAP-RUN --tenant shop-a --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which product."""
    parser.add_argument("sku", metavar="SKU", help="the product's SKU, as events and the catalogue name it")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose product (default: default)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Look up and print."""
    from pipeline.clients.lookup import product, waiting_for

    state = product(settings, args.tenant, args.sku)
    if state is None:
        raise OmniError(
            f"Nothing is known of the product {args.sku} of tenant {args.tenant}. Was it published to catalog.products "
            "or bought, and has a worker handled that? `omni deadletter list` shows what was refused.",
            NO,
        )
    said = product_json(state, waiting_for(settings, args.tenant, args.sku))
    encoded = msgspec.json.encode(said, order="sorted")
    sys.stdout.buffer.write((encoded if args.json else msgspec.json.format(encoded, indent=2)) + b"\n")
    return DONE
