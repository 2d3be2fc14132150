from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.broker.bus import Bus
from pipeline.cli import doctor_checks
from pipeline.cli.doctor_checks import Finding, examine
from pipeline.settings import Settings


@pytest.fixture(autouse=True)
def _nothing_outside_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "_chdb", lambda needed: Finding("chdb", True, needed, ""))
    monkeypatch.setattr(doctor_checks, "_tools", lambda: [])


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings)}


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("local", "omni kafka start"), ("docker", "docker compose"), ("memory", "Install Java and Maven")],
)
def test_without_a_running_kafka_something_needed_is_missing(
    kind: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_checks, "choose_bus", lambda _: Bus(kind, "A sentence."))  # type: ignore[arg-type]

    kafka = findings(Settings())["kafka"]

    assert (kafka.ok, kafka.needed) == (False, True)
    assert kafka.remedy.startswith(remedy)


@pytest.mark.parametrize("name", ["rules", "identity"])
@pytest.mark.parametrize(("content", "said"), [(b"order: 3", ":1: "), ("# für\n".encode("latin-1"), "cannot be read")])
def test_a_file_that_is_there_but_wrong_is_said_with_what_is_wrong(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(content)
    settings = Settings().replace(**{f"{name}_file": wrong})

    finding = findings(settings)[name]

    assert (finding.ok, finding.needed) == (False, True)
    assert said in finding.found


def test_the_files_that_come_with_the_project_are_right() -> None:
    found = findings(Settings())

    assert found["rules"].ok
    assert found["identity"].ok


def test_the_versions_of_rules_and_identity_rules_are_named(tmp_path: Path) -> None:
    rules, identity = tmp_path / "rules.yaml", tmp_path / "identity.yaml"
    rules.write_text("version: spring-3\nrules: []\n", encoding="utf-8")
    identity.write_text("version: who-7\n", encoding="utf-8")

    found = findings(Settings().replace(rules_file=rules, identity_file=identity))

    assert found["rules"].found == f"{rules}, version spring-3"
    assert found["identity"].found == f"{identity}, version who-7"


class _Guarded(BaseHTTPRequestHandler):
    """A registry that shows its subjects to `user` alone."""

    def do_GET(self) -> None:
        told = f"Basic {b64encode(b'user:hidden').decode()}"
        self.send_response(200 if (self.path, self.headers["Authorization"]) == ("/subjects", told) else 401)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry_port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Guarded) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_registry_is_asked_with_the_account_of_its_url(registry_port: int) -> None:
    def found(account: str) -> Finding:
        return findings(Settings().replace(registry_url=f"http://{account}@127.0.0.1:{registry_port}"))["registry"]

    assert found("user:hidden") == Finding("registry", True, True, f"http://user:***@127.0.0.1:{registry_port} answers")
    assert found("user:guessed").found == f"registry at http://127.0.0.1:{registry_port} answered 401"


@pytest.mark.parametrize("url", ["http://user:hidden@127.0.0.1:9", "http://user:hidden@nowhere.invalid", "http://[u"])
def test_a_registry_that_does_not_answer_is_said_without_its_password(url: str) -> None:
    finding = findings(Settings().replace(registry_url=url))["registry"]

    assert (finding.ok, finding.needed) == (False, True)
    assert finding.remedy == "Start it, or unset registry_url."
    assert "hidden" not in finding.found
