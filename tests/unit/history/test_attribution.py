"""The Markov model against its definition: play all customers again, those who come to a touchpoint being lost."""

from __future__ import annotations

import random
import time

import pytest

from pipeline.history.reports.attribution import Path, removal_shares


def random_paths(seed: int, names: int, paths: int) -> list[Path]:
    chance = random.Random(seed)
    touchpoints = [f"t-{number}" for number in range(names)]
    return [
        Path(tuple(chance.sample(touchpoints, chance.randint(1, 5))), chance.randint(0, 3), chance.randint(1, 9))
        for _ in range(paths)
    ]


def bought(paths: list[Path], removed: str = "") -> float:
    """Return the share of customers who buy, by following all of them step by step."""
    after: dict[str, list[tuple[str, int]]] = {}
    for path in paths:
        way = ["start", *path.touchpoints]
        for one, other in zip(way, [*way[1:], ""], strict=True):
            ends = [("bought", path.purchases), ("lost", path.lost)]
            after.setdefault(one, []).extend([(other, path.purchases + path.lost)] if other else ends)
    here, share = {"start": 1.0}, 0.0
    while sum(here.values()) > 1e-12:
        there: dict[str, float] = {}
        for name, customers in here.items():
            many = sum(number for _, number in after[name])
            for other, number in after[name]:
                if other == "bought":
                    share += customers * number / many
                elif other not in ("lost", removed):
                    there[other] = there.get(other, 0.0) + customers * number / many
        here = there
    return share


@pytest.mark.parametrize("seed", range(5))
def test_each_touchpoint_is_credited_with_the_purchases_that_go_without_it(seed: int) -> None:
    paths = random_paths(seed, 8, 20)

    effects = {name: 1 - bought(paths, name) / bought(paths) for path in paths for name in path.touchpoints}
    assert removal_shares(paths) == pytest.approx(
        {name: effect / sum(effects.values()) for name, effect in effects.items()}, abs=1e-9
    )


def test_without_paths_or_without_purchases_nobody_is_credited() -> None:
    assert removal_shares([]) == {}
    assert removal_shares([Path(("a", "b"), 0, 3)]) == {"a": 0.0, "b": 0.0}


def test_hundreds_of_campaigns_take_seconds() -> None:
    paths = random_paths(7, 300, 3_000)
    began = time.process_time()

    assert sum(removal_shares(paths).values()) == pytest.approx(1)
    assert time.process_time() - began < 20  # by removing one after the other: a quarter of an hour
