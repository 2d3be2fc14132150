"""Whether there are any of a product, for those who are to know just that: what of it is news to whom."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.domain.messages.to_customer import ProductNews
from pipeline.domain.messages.waves import Presence

SIZES_KEPT = 200
"""Sizes of a product, those of which there are none included: more than any has. What is there stays."""

OF_ANY = ""
"""Stands for all sizes together, and for a product that has none."""


def presence(known: Mapping[str, bool], pieces: Mapping[str, int] | None) -> dict[str, bool]:
    """Return of which sizes there are any, now that there are so many pieces; those `known` before included.

    Of what is there without sizes, which what is endless is too, or of which nobody says any more what there is (None),
    any size can be had, so none is named.

    >>> presence({"38": True, "": True}, {"40": 2})
    {'': True, '38': False, '40': True}
    """
    if pieces is None or pieces.keys() == {OF_ANY}:
        return {OF_ANY: True}
    there = dict.fromkeys(known, False) | {size: True for size, count in pieces.items() if count > 0}
    there[OF_ANY] = any(count > 0 for count in pieces.values())
    sizes = sorted(there, key=lambda size: (size != OF_ANY, not there[size], size))[:SIZES_KEPT]
    return {size: there[size] for size in sorted(sizes)}


def news_for(
    customer_id: str, size: str | None, told: Presence, before: Mapping[str, bool] | None
) -> ProductNews | None:
    """Return the word for who wants this size (None: any); None if for them nothing is other than `before`.

    Of what there is in sizes, one that nobody has told of is not there.
    `before` None: they begin to want it, and may know of something that is no longer so.
    """
    there = told.there
    sizes = sorted(there) if size is None else [size if _has_sizes(there) else OF_ANY]
    wanted = {each: there.get(each, False) for each in sorted({*sizes, OF_ANY})}
    if before is not None:
        compared = {*there, *before} if size is None else {size}
        if all(_is_there(before, each) == _is_there(there, each) for each in compared):
            return None
    return ProductNews(told.tenant, customer_id, told.sku, told.cause, told.at_ms, there=wanted)


def _has_sizes(there: Mapping[str, bool]) -> bool:
    return bool(there.keys() - {OF_ANY})


def _is_there(there: Mapping[str, bool], size: str) -> bool:
    """Whether it was there; before anything was told, yes."""
    return there.get(size, not _has_sizes(there) and there.get(OF_ANY, True))
