"""`omni assortment`: what a store should offer, by what customers look at, buy, wish for and praise."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.cli.arguments import moment, within
from pipeline.domain.product.assortment import assortment
from pipeline.domain.product.in_size import in_size
from pipeline.domain.product.wrong_channel import wrong_channels
from pipeline.domain.time import rfc3339
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.settings import Settings

HELP = """Show what a store should offer: at least 4 stars, best sellers, most wished, trending now, bought together.
Over all stores also what is in the wrong channel: it sells in one, and in another it is looked at and not bought.
With --size also what stores hold in it: what a search of somebody who wears it may show of the stores nearby.
From catalog.view, so as current as that (PIPELINE_PRODUCTS_EVERY_MS)."""
EXAMPLE = """
omni assortment
omni assortment --store berlin-mitte --top 50
omni assortment --store berlin-mitte --category dresses --size 38
omni assortment --store berlin-mitte --json
"""

TOP = 20
"""Lines of a list: a shelf, and a screen."""

LISTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "best_sellers": ("Best sellers", lambda line: f"{line['sales']:,.1f} orders  {_named(line)}"),
    "most_wished": ("Most wished for", lambda line: f"{line['wishes']:,.1f} wishes  {_named(line)}"),
    "four_stars": ("At least 4 stars", lambda line: f"{line['rating']:.2f} of {line['ratings']:,}  {_named(line)}"),
    "trending": ("Trending now", lambda line: f"{line['times_usual']:.1f} times as usual  {_named(line)}"),
    "bought_together": (
        "Bought together",
        lambda line: (
            f"{line['baskets']:,} orders  {' + '.join(line['skus'])}  "
            f"{' + '.join(map(_shown, filter(None, line['names'])))}"
        ),
    ),
    "in_size": ("There in this size", lambda line: f"{_places(line)}  {_named(line)}"),
    "wrong_channel": ("In the wrong channel", lambda line: f"{_named(line)}: {_rates(line)}"),
}
"""List → its heading, and a line of it for people."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare whose assortment is wanted, and how much of it."""
    parser.add_argument(
        "--store", dest="place", metavar="S", help="of this store (store_id of its events; default: over all)"
    )
    parser.add_argument("--category", metavar="C", help="of this category alone (default: of all)")
    parser.add_argument("--size", metavar="S", help="show also which stores hold what in this size")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose products (default: default)")
    parser.add_argument(
        "--top", type=within(int, 1, 10_000), default=TOP, metavar="N", help=f"lines of each list (default: {TOP})"
    )
    parser.add_argument(
        "--at", type=moment, metavar="T", help="as of T, not before the latest that is known (default: that)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Read the catalogue, compute, print."""
    from pipeline.clients.catalog import catalog

    views = list(catalog(settings, args.tenant))
    if not views:
        raise OmniError(
            f"No products of tenant {args.tenant} on catalog.view. Were events with items published, and is "
            "products_every_ms above 0? `omni doctor` shows it.",
            NO,
        )
    latest_ms = max(view.updated_at_ms for view in views)
    at_ms: int = latest_ms if args.at is None else args.at
    if at_ms < latest_ms:
        raise OmniError(
            f"--at {rfc3339(at_ms)} is before the latest that catalog.view knows, and it does not keep what was wanted "
            f"in the past. Give {rfc3339(latest_ms)} or later, or leave it out.",
            USAGE,
        )
    if args.category is not None:
        views = [view for view in views if view.category == args.category]
    lists = assortment(views, at_ms, args.place, args.top)
    if args.size is not None:
        lists = {**lists, "in_size": in_size(views, args.size, args.place, args.top)}
    if args.place is None:
        lists = {**lists, "wrong_channel": wrong_channels(views, at_ms)[: args.top]}
    if args.json:
        print(json.dumps({"as_of": rfc3339(at_ms), "store": args.place, "tenant": args.tenant, **lists}))
        return DONE
    for line in _lines(lists, args.place, at_ms):
        print(line)
    return DONE


def _lines(lists: dict[str, Any], store: str | None, at_ms: int) -> Iterator[str]:
    yield f"{'All stores and channels' if store is None else f'Store {store}'}, as of {rfc3339(at_ms)}"
    for name, (heading, line) in LISTS.items():
        if name in lists:
            yield f"\n{heading}"
            yield from (f"  {line(each)}" for each in lists[name])
            if not lists[name]:
                yield "  nothing yet"


def _named(line: dict[str, Any]) -> str:
    return f"{line['sku']}  {_shown(line['name'])}" if line["name"] else str(line["sku"])


def _places(line: dict[str, Any]) -> str:
    """Return where there are pieces, and how many: "berlin 2, warehouse 30"."""
    places = [f"{_shown(store) or 'warehouse'} {pieces:,}" for store, pieces in line["stores"].items()]
    return ", ".join([*places, *(["made or ordered then"] if line["backorder"] else [])])


def _shown(name: str) -> str:
    """Return a name as a terminal may have it: it must not move the cursor."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in name)


def _rates(line: dict[str, Any]) -> str:
    """What a store manager needs: where, of how many who looked how many bought, and how many is usual."""
    sells, fails = (
        ", ".join(
            f"{rate['channel']} ({rate['sales']:,.0f} of {rate['views']:,.0f} bought: {rate['rate']:.1%}, surely "
            f"{rate['low']:.1%} to {rate['high']:.1%}; usual {rate['usual']:.1%})"
            for rate in line[where]
        )
        for where in ("sells_in", "not_in")
    )
    return f"sells in {sells}, not in {fails}"
