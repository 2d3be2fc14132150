"""A worker's rules file is applied when it changes while the worker runs, and never merely because it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.rules_log import following
from pipeline.rules_log.applying import file_stamp
from pipeline.rules_log.following import RulesFollower
from pipeline.settings import Settings


def test_b29_only_what_changed_since_the_worker_started_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: v1\n", encoding="utf-8")
    applied: list[str] = []
    looks = 0

    async def next_look(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            path.write_text("version: v2, longer\n", encoding="utf-8")
        if looks == 10:
            raise asyncio.CancelledError

    monkeypatch.setattr(following, "apply_rules", lambda _, at, by: applied.append(f"{by}: {at.read_text()}"))
    follower = RulesFollower(Settings(rules_file=path), file_stamp(path))
    monkeypatch.setattr(asyncio, "sleep", next_look)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(follower.watch_file())

    assert applied == ["file: version: v2, longer\n"]
