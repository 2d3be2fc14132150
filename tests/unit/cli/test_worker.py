"""When a worker that failed starts again, and when it ends with the status that says what to mend."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.__main__ import main
from pipeline.broker import BrokerError
from pipeline.cli import worker
from pipeline.errors import NO, UNREACHABLE, USAGE
from pipeline.identity_file import IdentityFileError
from pipeline.streaming.delivery import NotDelivered
from pipeline.streaming.envelope import UnknownVersion
from pipeline.wire.registry import RegistryNotReachable


class Replaced(Exception):
    """The process would be a fresh one now."""


@pytest.fixture(autouse=True)
def _no_broker_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIPELINE_CONFIG", raising=False)
    monkeypatch.setenv(worker.RESTARTS, "0")  # so that it is set back at the end
    monkeypatch.delenv(worker.RESTARTS)
    monkeypatch.setattr(worker, "create_topics", lambda *_: [])
    monkeypatch.setattr(worker, "differences", lambda *_: [])
    monkeypatch.setattr(worker, "apply_rules", lambda *_: None)
    monkeypatch.setattr("time.sleep", lambda _: None)

    def execv(*_: object) -> NoReturn:
        raise Replaced

    monkeypatch.setattr("os.execv", execv)


def raising(error: Exception) -> object:
    def run(*_: object) -> NoReturn:
        raise error

    return run


def start() -> int:
    return main(["worker", "--bootstrap", "127.0.0.1:9"])


def test_a_broker_that_is_away_when_a_worker_is_first_started_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "create_topics", raising(BrokerError("away")))

    assert start() == UNREACHABLE


def test_b39_a_worker_that_had_started_waits_for_its_broker_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "create_topics", raising(BrokerError("away")))
    monkeypatch.setenv(worker.RESTARTS, "17")

    with pytest.raises(Replaced):
        start()
    assert os.environ[worker.RESTARTS] == "18"


def test_b39_a_local_broker_that_has_gone_is_waited_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv(worker.RESTARTS, "1")

    with pytest.raises(Replaced):
        main(["worker"])


@pytest.mark.parametrize(
    "error", [NotDelivered("late"), RegistryNotReachable("away"), BrokerError("away"), OSError("no disk")]
)
def test_what_may_pass_makes_a_worker_start_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.worker.run_worker", raising(error))

    with pytest.raises(Replaced):
        start()


def test_a_rules_file_that_is_wrong_when_a_worker_is_started_ends_it_and_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 3\n", encoding="utf-8")

    assert main(["worker", "--bootstrap", "127.0.0.1:9", "--rules", "rules.yaml"]) == USAGE
    assert "rules.yaml:1: " in capsys.readouterr().err


def test_a_rules_file_that_has_become_wrong_does_not_keep_a_worker_that_failed_from_starting_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 3\n", encoding="utf-8")
    monkeypatch.setenv(worker.RESTARTS, "1")
    monkeypatch.setattr(worker, "apply_rules", raising(AssertionError("a wrong file is not applied")))
    monkeypatch.setattr("pipeline.worker.run_worker", lambda *_: 0)

    assert main(["worker", "--bootstrap", "127.0.0.1:9", "--rules", "rules.yaml"]) == 0
    assert "the running rules stay:\nrules.yaml:1: " in caplog.text


@pytest.mark.parametrize(("error", "status"), [(IdentityFileError("wrong"), USAGE), (UnknownVersion("newer"), NO)])
@pytest.mark.parametrize("restarts", [None, "3"])
def test_what_somebody_has_to_mend_ends_a_worker(
    error: Exception, status: int, restarts: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.worker.run_worker", raising(error))
    if restarts is not None:
        monkeypatch.setenv(worker.RESTARTS, restarts)

    assert start() == status
