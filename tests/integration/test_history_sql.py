"""`omni sql`, also while another process writes the embedded history."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from pipeline.history.embedded import Embedded
from pipeline.history.engine import HistoryUnavailable
from pipeline.history.folder import Folder, FolderInUse
from pipeline.history.reader import open_reader
from pipeline.history.writer import open_folder
from pipeline.settings import PROJECT_DIR, load_settings
from tests.clickhouse_server import ClickhouseServer
from tests.conftest import Omni

pytestmark = pytest.mark.clickhouse

# Writes one event per line read, says so, and never closes anything.
WRITER = """
import sys
from pathlib import Path
from pipeline.history.writer import open_history
from tests.history_rows import ONE_OF_EACH, event_row
history = open_history(Path(sys.argv[1]))
history.write(ONE_OF_EACH[1:])
print("ready", flush=True)
for number, line in enumerate(sys.stdin):
    history.write([event_row(line.strip(), number)])
    print("stored", flush=True)
"""
REVENUE = "SELECT sum(items_total_minor) AS revenue_minor FROM events WHERE event_type = 'order_completed'"


class Writer:
    """Another process that owns the folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=PROJECT_DIR,
        )
        self._expect("ready")

    def store(self, event_id: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(event_id + "\n")
        self.process.stdin.flush()
        self._expect("stored")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == word


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history"


@pytest.fixture
def start_writer(folder: Path, environment: dict[str, str]) -> Iterator[Callable[[], Writer]]:
    started: list[Writer] = []

    def start() -> Writer:
        started.append(Writer(folder, environment))
        return started[-1]

    yield start
    for writer in started:
        writer.kill()


def test_sql_asks_the_process_that_writes_and_sees_what_it_has_just_stored(
    start_writer: Callable[[], Writer], omni: Omni
) -> None:
    writer = start_writer()
    writer.store("e-1")
    first = omni("sql", "--json", REVENUE)
    writer.store("e-2")
    second = omni("sql", "--json", REVENUE)

    assert (first.code, json.loads(first.stdout)) == (0, [{"revenue_minor": 10_499}])
    assert json.loads(second.stdout) == [{"revenue_minor": 20_998}]
    assert writer.process.poll() is None


def test_sql_opens_the_folder_itself_after_its_writer_was_killed_and_all_that_was_stored_is_there(
    start_writer: Callable[[], Writer], omni: Omni
) -> None:
    writer = start_writer()
    for number in range(5):
        writer.store(f"e-{number}")
    writer.kill()

    asked = omni("sql", "SELECT count() FROM events")

    assert (asked.code, asked.stdout) == (0, "5\n"), asked.stderr


def test_several_sql_commands_at_once_all_get_an_answer(
    start_writer: Callable[[], Writer], environment: dict[str, str], tmp_path: Path
) -> None:
    start_writer().kill()

    command = [sys.executable, "-m", "pipeline", "sql", "SELECT count() FROM triggers"]
    running = [
        subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]

    assert [process.communicate(timeout=60)[0] for process in running] == ["1\n"] * 3


def test_a_second_writer_is_told_who_has_the_folder(start_writer: Callable[[], Writer], folder: Path) -> None:
    writer = start_writer()

    with pytest.raises(FolderInUse, match=rf"process {writer.process.pid};.*clickhouse_url"):
        Embedded(folder, wait_seconds=0)


def test_a_wrong_question_does_not_disturb_the_one_who_answers(
    start_writer: Callable[[], Writer], omni: Omni, folder: Path
) -> None:
    writer = start_writer()
    with _hung_up(folder):
        pass
    wrong = omni("sql", "SELECT colour FROM events")
    changing = omni("sql", "DROP TABLE events_log")
    own_format = omni("sql", "SELECT 1 FORMAT CSV")
    writer.store("e-1")

    assert wrong.code == changing.code == own_format.code == 2
    assert "colour" in wrong.stderr
    assert "readonly" in changing.stderr
    assert "--format" in own_format.stderr
    assert omni("sql", "SELECT count() FROM events").stdout == "1\n"


def test_a_long_question_keeps_nobody_waiting(start_writer: Callable[[], Writer], omni: Omni, folder: Path) -> None:
    writer = start_writer()
    asking = Folder(folder).connect()
    assert asking is not None
    question = msgspec.msgpack.encode("SELECT sum(sipHash64(number)) FROM numbers(2000000000)")
    asking.sendall(len(question).to_bytes(4, "big") + question)

    writer.store("e-1")
    asked = omni("sql", "SELECT count() FROM events", timeout=20)

    assert (asked.code, asked.stdout) == (0, "1\n")
    asking.setblocking(False)
    with pytest.raises(BlockingIOError):  # it is still being answered
        asking.recv(1)
    asking.close()


@contextmanager
def _hung_up(folder: Path) -> Iterator[None]:
    """Somebody who connects, begins a question and goes away."""
    connection = Folder(folder).connect()
    assert connection is not None
    connection.sendall(b"\x00\x00\x00\x09half")
    connection.close()
    yield


def test_a_folder_with_a_long_name_can_be_asked_too(tmp_path: Path) -> None:
    folder = tmp_path / ("a-long-name-" * 8) / "history"
    engine = open_folder(folder)
    try:
        reader = open_reader(load_settings(environ={}, history_path=str(folder)))
        assert type(reader).__name__ == "RemoteReader"
        assert reader.query("SELECT 1").rows == [[1]]
    finally:
        engine.close()


def test_only_this_user_can_ask(tmp_path: Path) -> None:
    engine = open_folder(tmp_path / "history")
    try:
        assert (tmp_path / "history" / "owner.sock").stat().st_mode & 0o077 == 0
        assert (tmp_path / "history").stat().st_mode & 0o077 == 0
    finally:
        engine.close()


def test_without_a_history_the_answer_says_how_to_get_one(omni: Omni, tmp_path: Path) -> None:
    asked = omni("sql", "SELECT 1")

    assert asked.code == 3
    assert "omni history" in asked.stderr
    assert not (tmp_path / "data" / "history").exists()
    with pytest.raises(HistoryUnavailable):
        open_reader(load_settings(environ={}, history_path=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sql", "SELECT 1", "--format", "JSONEachRows"), "Did you mean JSONEachRow?"),
        (("sql", "  "), "SHOW TABLES"),
    ],
)
def test_wrong_usage_is_exit_status_2_with_the_remedy(omni: Omni, words: tuple[str, ...], said: str) -> None:
    asked = omni(*words)

    assert asked.code == 2
    assert said in asked.stderr


def test_sql_asks_a_server_by_its_url_and_says_which_one_is_not_there(omni: Omni, clickhouse: ClickhouseServer) -> None:
    there = {"PIPELINE_CLICKHOUSE_URL": clickhouse.url("default")}
    away = {"PIPELINE_CLICKHOUSE_URL": "clickhouse://omni:secret@127.0.0.1:1/omni"}

    lines = omni(
        "sql", "--format", "JSONEachRow", "-", env=there, stdin="SELECT number AS n FROM system.numbers LIMIT 2"
    )
    refused = omni("sql", "SELECT 1", env=away)

    assert (lines.code, lines.stdout) == (0, '{"n": 0}\n{"n": 1}\n'), lines.stderr
    assert refused.code == 3
    assert "127.0.0.1:1" in refused.stderr
    assert "secret" not in refused.stderr


def test_a_named_folder_is_asked_even_where_a_server_is_configured(
    start_writer: Callable[[], Writer], omni: Omni, folder: Path
) -> None:
    start_writer()
    away = {"PIPELINE_CLICKHOUSE_URL": "clickhouse://127.0.0.1:1/omni"}

    asked = omni("sql", "--history", folder, "SELECT count() FROM triggers", env=away)

    assert (asked.code, asked.stdout) == (0, "1\n"), asked.stderr


def test_help_has_an_example(omni: Omni) -> None:
    for command in ("sql", "history"):
        shown = omni(command, "--help")
        assert shown.code == 0
        assert f"omni {command}" in shown.stdout.split("example:")[1]
