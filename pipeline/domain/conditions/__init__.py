"""Conditions: what a rules file may ask of a customer. A closed vocabulary; nothing in it is evaluated as code.

To add one: a struct whose first field is its name (see `word.py`), a line in `CONDITIONS`, a test. Reader, JSON Schema
and the table in `deploy/README.md` take it from there.
"""

from __future__ import annotations

from typing import Final

from pipeline.domain.conditions.behaviour import ChannelSeen, Did, DidNot, FirstSeen, InStore, LastSeen, Store
from pipeline.domain.conditions.combined import AllOf, AnyOf, Not
from pipeline.domain.conditions.facts import (
    Address,
    Agreed,
    Has,
    Met,
    Points,
    Stage,
    StepDone,
    Subscribed,
    Tier,
    Trait,
)
from pipeline.domain.conditions.interest import (
    CartWorth,
    InterestedIn,
    LastOrder,
    Orders,
    Owns,
    Size,
    Spent,
    Viewed,
    Wishes,
)
from pipeline.domain.conditions.products import Shows
from pipeline.domain.conditions.word import Word

CONDITIONS: Final[tuple[type[Word], ...]] = (
    Did,
    DidNot,
    LastSeen,
    FirstSeen,
    ChannelSeen,
    Store,
    InStore,
    Viewed,
    InterestedIn,
    Wishes,
    Owns,
    Size,
    Orders,
    LastOrder,
    Spent,
    CartWorth,
    Shows,
    Trait,
    Met,
    Tier,
    Points,
    Stage,
    Agreed,
    Subscribed,
    Address,
    Has,
    StepDone,
    AllOf,
    AnyOf,
    Not,
)
"""All there are, in the order of the documentation."""
