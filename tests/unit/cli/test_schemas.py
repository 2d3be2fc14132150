"""`omni schemas register` with something that answers as a registry does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.errors import DONE, NO, UNREACHABLE
from pipeline.wire.schemas import current


class Registry(ThreadingHTTPServer):
    """Keeps what is registered, the same schema under the same id; `refused` is a path it takes nothing at."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.ids: dict[str, int] = {}
        self.subjects: dict[str, Any] = {}
        self.refused = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        registry = self.server
        assert isinstance(registry, Registry)
        schema = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        refused = self.path == registry.refused
        self.send_response(409 if refused else 200)
        self.end_headers()
        if refused:
            self.wfile.write(b'{"error_code": 409, "message": "not backward compatible"}')
            return
        registry.subjects[self.path] = json.loads(schema)
        number = registry.ids.setdefault(schema, len(registry.ids) + 1)
        self.wfile.write(json.dumps({"id": number}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    (tmp_path / "rules.yaml").write_text("rules: [{name: cart, kind: abandoned_cart, delay: 1h}]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIPELINE_RULES_FILE", "rules.yaml")
    monkeypatch.setenv("PIPELINE_TOPIC_PREFIX", "north.")
    with Registry() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("PIPELINE_REGISTRY_URL", server.url)
        yield server
        server.shutdown()
        thread.join()


def test_every_topic_with_a_schema_has_it_as_the_subject_of_its_values(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schemas", "register", "--json"]) == DONE

    said = json.loads(capsys.readouterr().out)
    schema_of = {each["subject"]: each["schema"] for each in said["registered"]}
    assert said["registry"] == registry.url
    assert schema_of["north.channel.web-value"] == schema_of["north.channel.pos-value"] == "channel_event"
    assert (schema_of["north.triggers.cart-value"], schema_of["north.decisions-value"]) == ("trigger", "decision")
    assert "north.customer.inbox-value" not in schema_of, "actors alone read it"
    assert registry.subjects == {
        f"/subjects/{subject}/versions": current(schema).definition for subject, schema in schema_of.items()
    }
    assert len({each["id"] for each in said["registered"]}) == len(set(schema_of.values()))


def test_a_schema_that_the_registry_refuses_is_a_no_with_its_reason(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.refused = "/subjects/north.decisions-value/versions"

    assert main(["schemas", "register", "--json"]) == NO

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == (f"omni: registry at {registry.url} refused north.decisions-value: not backward compatible\n")


@pytest.mark.parametrize(
    ("url", "said"), [("", "No schema registry is named"), ("http://127.0.0.1:9", "registry at http://127.0.0.1:9 is")]
)
def test_without_a_registry_the_service_is_named_with_status_3(
    registry: Registry, url: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIPELINE_REGISTRY_URL", url)

    assert main(["schemas", "register"]) == UNREACHABLE
    assert said in capsys.readouterr().err
    assert registry.subjects == {}
