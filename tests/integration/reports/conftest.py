"""One history of each kind for all tests of reports, with every story in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.history.engine import Engine
from pipeline.history.migrations import apply
from pipeline.history.rows import Row
from pipeline.history.server import Server
from pipeline.history.writer import HistoryWriter, open_folder
from tests.integration.reports.stories import STORIES


@pytest.fixture(scope="package")
def rows() -> list[Row]:
    return [row for story in STORIES for row in story()]


@pytest.fixture(scope="package", params=["embedded", "server"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> Iterator[Engine]:
    engine: Engine
    if request.param == "embedded":
        engine = open_folder(tmp_path_factory.mktemp("reports") / "history")
    else:
        engine = Server(request.getfixturevalue("clickhouse").url("reports"))
        engine.create_database()
    apply(engine)
    HistoryWriter(engine).write(rows)
    yield engine
    engine.close()
