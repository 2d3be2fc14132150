"""The shells between Faust and the lanes."""

from __future__ import annotations

from typing import Any

import faust

from pipeline.agents import add_agent


def test_faust_keeps_no_acknowledgements_as_nothing_would_ever_take_them_off_again() -> None:
    app = faust.App("test", store="memory://", autodiscover=False)
    lanes: Any = object()

    add_agent(app, lanes, "ingest", ["channel.web"])

    (agent,) = app.agents.values()
    channel: Any = agent.channel
    assert channel.acks is False
