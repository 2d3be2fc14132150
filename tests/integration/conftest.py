"""Fixtures of the suites that need a real database, or a whole installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from pipeline.broker.docker import COMPOSE_FILE
from pipeline.history.engine import Engine
from pipeline.history.migrations import apply
from pipeline.history.server import Server
from pipeline.history.writer import HistoryWriter, open_folder
from tests.clickhouse_server import ClickhouseServer
from tests.harness.fixtures import install
from tests.harness.history_shop import settings, shop, start_history

__all__ = ["clickhouse", "clickhouse_container", "install", "settings", "shop", "start_history"]

OpenEngine = Callable[[], Engine]


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickhouseServer]:
    """One server for the session. Fails, and does not skip, where none is installed."""
    server = ClickhouseServer(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.kill()


@pytest.fixture(scope="session")
def clickhouse_container() -> Iterator[Callable[[str], str]]:
    """The server of deploy/compose.yaml in a container: gives the address of a database (for tests marked docker)."""
    from testcontainers.community.clickhouse import ClickHouseContainer

    image = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))["services"]["clickhouse"]["image"]
    with ClickHouseContainer(image) as container:
        yield lambda database: container.get_connection_url().rpartition("/")[0] + f"/{database}"


@pytest.fixture(params=["embedded", "server", pytest.param("container", marks=pytest.mark.docker)])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenEngine]:
    """Opens connections to one and the same empty database."""
    opened: list[Engine] = []
    if request.param == "embedded":
        folder = tmp_path / "history"

        def connect() -> Engine:
            if not opened:  # one process, one engine
                opened.append(open_folder(folder))
            return opened[0]

    else:
        database = f"history_{uuid4().hex[:8]}"
        if request.param == "server":
            server: ClickhouseServer = request.getfixturevalue("clickhouse")
            url = server.url(database)
        else:
            url = request.getfixturevalue("clickhouse_container")(database)

        def connect() -> Engine:
            engine = Server(url)
            engine.create_database()
            opened.append(engine)
            return engine

    yield connect
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_again: OpenEngine) -> Engine:
    return open_again()


@pytest.fixture
def history(engine: Engine) -> HistoryWriter:
    apply(engine)
    return HistoryWriter(engine)
