"""How changelogs are read back: with patience."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import faust
import pytest

from pipeline.streaming import changelogs
from pipeline.streaming.changelogs import ActorTables, ChangelogRecovery
from pipeline.streaming.table import ActorTable


def recovery_of(folder: Path) -> tuple[ChangelogRecovery, ActorTable]:
    app = faust.App("test", store="memory://", TableManager=ActorTables)
    table = ActorTable(app, name="customer", partitions=2, folder=folder)
    app.tables.add(table)
    tables: Any = app.tables
    recovery = tables.recovery
    assert isinstance(recovery, ChangelogRecovery)
    return recovery, table


def test_a_step_that_takes_longer_than_the_timeout_is_waited_for_and_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> list[str]:
        recovery, _ = recovery_of(tmp_path)
        done: list[str] = []

        told = asyncio.Event()
        monkeypatch.setattr(changelogs.log, "warning", lambda *_: told.set())

        async def set_up() -> None:
            await told.wait()
            done.append("set up")

        await asyncio.wait_for(recovery._wait(set_up(), timeout=0.01), 10)
        return done

    assert asyncio.run(story()) == ["set up"]
