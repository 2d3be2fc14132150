from __future__ import annotations

from typing import Any

import pytest
from clickhouse_driver.errors import UnexpectedPacketFromServerError

from pipeline.history import server
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.history.native import block_of
from pipeline.history.server import Server


class Confused:
    """A driver to which the server says what it does not know."""

    def execute(self, *_: Any, **__: Any) -> None:
        raise UnexpectedPacketFromServerError("expected EndOfStream, got 14")

    def disconnect(self) -> None:
        """Do nothing."""


def test_an_answer_that_the_driver_cannot_read_is_not_taken_for_a_row_that_cannot_be_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "_client", lambda _url: Confused())
    database = Server("clickhouse://localhost/omni")

    with pytest.raises(HistoryUnavailable, match="got 14"):
        database.insert(block_of("t", [("a", "Int64")], [[1]]))
    with pytest.raises(QueryRefused, match="got 14"):
        database.target()
