"""How changelogs are read back: with patience, and anew where one has lost its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from pipeline.streaming import changelogs
from pipeline.streaming.changelogs import ActorTables, ChangelogRecovery
from pipeline.streaming.table import ActorTable


def recovery_of(folder: Path, in_memory: bool = False) -> tuple[ChangelogRecovery, ActorTable]:
    app = faust.App("test", store="memory://", TableManager=ActorTables)
    table = ActorTable(app, name="customer", partitions=2, folder=folder, in_memory=in_memory)
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


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_store_that_is_ahead_of_its_changelog_is_begun_anew_and_the_others_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, in_memory: bool
) -> None:
    class Broker:
        async def highwaters(self, *tps: TP) -> dict[TP, int]:
            return dict.fromkeys(tps, 10)  # the last record has offset 9

        async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
            return dict.fromkeys(tps, 0)

    async def story() -> tuple[Any, ...]:
        recovery, table = recovery_of(tmp_path, in_memory)
        topic = table.changelog_topic.get_topic_name()
        ahead, at_the_end = TP(topic, 0), TP(topic, 1)
        table.partitions_of.partition(0).write({b"a": b"\0\0\0\0001"}, 10)
        table.partitions_of.partition(1).write({b"b": b"\0\0\0\0001"}, 9)
        for tp in (ahead, at_the_end):
            recovery.add_active(table, tp)
        broker: Any = Broker()
        highwaters: Counter[TP] = Counter()
        await recovery._build_highwaters(broker, recovery.active_tps, highwaters, "active")
        await recovery._build_offsets(broker, recovery.active_tps, recovery.active_offsets, "active")
        begins = [recovery.active_offsets[tp] for tp in (ahead, at_the_end)]
        kept = [list(table.partitions_of.partition(number).items()) for number in (0, 1)]
        table.partitions_of.keep_only(())
        return begins, kept

    begins, kept = asyncio.run(story())

    assert begins == [-1, 9]
    assert kept == [[], [(b"b", b"\0\0\0\0001")]]
    assert "customer-changelog/0 has lost its end" in caplog.text
    assert "changelog/1 has" not in caplog.text
