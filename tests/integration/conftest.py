"""Fixtures of the suites that need a real database, or a whole installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from pipeline.broker.docker import COMPOSE_FILE
from tests.clickhouse_server import ClickhouseServer
from tests.harness.fixtures import install

__all__ = ["clickhouse", "clickhouse_container", "install"]


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
