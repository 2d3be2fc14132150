from __future__ import annotations

from pathlib import Path

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
