from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.broker import BrokerError
from pipeline.cli import COMMANDS
from pipeline.clients.publisher import UnknownTopic
from pipeline.demo.children import Fault
from pipeline.errors import DONE, NO, UNREACHABLE, USAGE, OmniError
from pipeline.history.engine import HistoryUnavailable, QueryRefused
from pipeline.identity_file import IdentityFileError
from pipeline.rules_file import RulesFileError
from pipeline.settings import PROJECT_DIR, SettingsError
from pipeline.sources import SourceError
from pipeline.streaming.envelope import UnknownVersion
from pipeline.wire.registry import RegistryNotReachable


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA_BOOTSTRAP", "PIPELINE_BOOTSTRAP", "PIPELINE_DATA_DIR", "PIPELINE_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_help_lists_every_command_without_importing_any(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])

    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown and command.summary in shown for name, command in COMMANDS.items())


def test_a_full_disk_is_said_in_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "topics", "table"],
            cwd=PROJECT_DIR,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert done.returncode == NO
    assert done.stderr == (
        "omni: There is no room where this writes ([Errno 28] No space left on device). Free some, and run it again.\n"
    )


def test_a_question_that_would_write_a_file_is_refused_and_one_that_only_speaks_of_it_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--migrate", "--history", "h"]) == DONE
    capsys.readouterr()

    writing = "SELECT 1 INTO /* here */ OUTFILE 'rows.txt' TRUNCATE FORMAT TSV"
    assert main(["sql", writing, "--history", "h"]) == USAGE
    assert "INTO OUTFILE writes a file" in capsys.readouterr().err
    assert not (tmp_path / "rows.txt").exists()
    assert main(["sql", "SELECT 'into outfile' AS \"into outfile\" -- into outfile", "--history", "h"]) == DONE
    assert "into outfile" in capsys.readouterr().out


def test_a_history_that_is_a_file_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")

    assert main(["sql", "SELECT 1", "--history", "rows.csv"]) == USAGE

    assert "rows.csv is a file; an embedded history is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_spec(f"pipeline.cli.{COMMANDS[name].module}"), f"pipeline/cli/{COMMANDS[name].module}.py is missing"
    module = import_module(f"pipeline.cli.{COMMANDS[name].module}")

    with pytest.raises(SystemExit) as left:
        main([name, "--help"])

    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "example:" in shown
    assert f"omni {name}" in module.EXAMPLE


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "events.jsonl", "--until"],
        ["publish", "--end-of-stream"],
        ["replay", "events.jsonl", "--end-of-stream"],
    ],
)
@pytest.mark.parametrize("time", ["1795514400000000", "1795514400", "9" * 5_000, "2026-11-24T10:00:00", "²"])
def test_a_time_that_would_move_the_clock_for_ever_is_wrong_usage(
    words: list[str], time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.jsonl").touch()

    with pytest.raises(SystemExit) as left:
        main([*words, time])

    assert left.value.code == USAGE
    assert f"{words[-1]}: " in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["publsh"])

    assert left.value.code == USAGE
    assert "publsh" in capsys.readouterr().err


def test_a_reason_that_there_is_not_is_wrong_usage_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["deadletter", "list", "--reason", "undecodeable"])

    assert left.value.code == USAGE
    assert "'undecodeable' is no reason. Did you mean undecodable?" in capsys.readouterr().err


def test_two_dashes_are_no_command() -> None:
    with pytest.raises(SystemExit) as left:
        main(["--", "sql", "SELECT 1"])

    assert left.value.code == USAGE


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BrokerError("away"), UNREACHABLE),
        (HistoryUnavailable("away"), UNREACHABLE),
        (RegistryNotReachable("away"), UNREACHABLE),
        (SourceError("wrong"), USAGE),
        (RulesFileError("wrong"), USAGE),
        (IdentityFileError("wrong"), USAGE),
        (SettingsError("wrong"), USAGE),
        (QueryRefused("wrong"), USAGE),
        (UnknownTopic("no"), NO),
        (UnknownVersion("no"), NO),
        (Fault("no"), NO),
    ],
)
def test_every_error_that_people_can_mend_ends_a_command_with_one_line_and_its_status(
    error: OmniError, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr("pipeline.cli.schemas.run", fail)

    assert main(["schemas", "types"]) == status
    assert capsys.readouterr().err == f"omni: {error}\n"


def test_a_wrong_setting_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "table", "--partitions", "many"]) == USAGE

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == "omni: command line: partitions = 'many' is not valid. Expected int.\n"


def test_a_command_that_needs_kafka_says_so_with_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.yaml").write_text("rules: []", encoding="utf-8")

    assert main(["topics", "check", "--rules", "rules.yaml"]) == UNREACHABLE
    assert "omni kafka start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"rules: 3", "rules.yaml:1: rules must be a list"),
        (b"rules: [{kind: x}]", "rules.yaml:1: unknown kind x"),
        (b"a: [", "rules.yaml:1: not YAML"),
        (b"", "rules.yaml: is empty"),
        ("# für alle\nrules: []".encode("latin-1"), "rules.yaml: cannot be read"),
    ],
)
def test_a_wrong_rules_file_is_named_with_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    (tmp_path / "rules.yaml").write_bytes(content)

    assert main(["topics", "table", "--json", "--rules", "rules.yaml"]) == USAGE
    assert said in capsys.readouterr().err


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{name: cart, kind: abandoned_cart, delay: 1h}]", encoding="utf-8")

    assert main(["topics", "table", "--json", "--topic-prefix", "t.", "--rules", "rules.yaml"]) == 0

    names = [topic["name"] for topic in json.loads(capsys.readouterr().out)["topics"]]
    assert "t.triggers.cart" in names


def test_looking_at_a_broker_that_is_not_running_is_answered_with_no(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kafka", "status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"bootstrap": None, "pid": None, "version": "4.1.1"}
