"""Fixtures of the suites that need a real database, or a whole installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clickhouse_server import ClickhouseServer
from tests.harness.fixtures import install

__all__ = ["clickhouse", "install"]


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickhouseServer]:
    """One server for the session. Fails, and does not skip, where none is installed."""
    server = ClickhouseServer(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.kill()
