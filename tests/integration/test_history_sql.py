"""`omni sql`, also while another process writes the embedded history."""

from __future__ import annotations

import errno
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, Timer
from typing import cast

import msgspec
import pytest

from pipeline.history.embedded import Embedded
from pipeline.history.engine import Answer, HistoryUnavailable
from pipeline.history.folder import Folder, FolderInUse
from pipeline.history.owner import Owner, RemoteReader
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
from threading import Thread, Timer
from typing import cast
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


def test_whoever_stops_does_not_wait_for_a_long_question_and_its_asker_is_told_to_ask_again(folder: Path) -> None:
    engine = open_folder(folder)
    reader = open_reader(folder)
    told: list[Exception] = []

    def ask() -> None:
        try:
            reader.query("SELECT sum(sipHash64(number)) FROM numbers(200000000000)")
        except HistoryUnavailable as error:
            told.append(error)

    asking = Thread(target=ask)
    asking.start()
    while "200000000000" not in str(engine.query("SELECT query FROM system.processes").rows):
        assert asking.is_alive()
    began = time.monotonic()
    engine.close()

    assert time.monotonic() - began < 20  # the question would take minutes
    asking.join(timeout=10)
    assert "Ask again" in str(told[0])
    open_folder(folder).close()


def test_a_writer_waits_for_a_question_and_a_second_writer_waits_for_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.history.folder.MAX_QUERY_SECONDS", 60)
    asking, writing = Folder(folder), Folder(folder)
    assert asking.try_own("ask")
    Timer(0.5, asking.release).start()

    writing.own("write", wait_seconds=0)

    with pytest.raises(FolderInUse, match="one writer"):
        Folder(folder).own("write", wait_seconds=0)
    with pytest.raises(FolderInUse):
        Folder(folder).own("ask", wait_seconds=0)
    writing.release()


def test_questions_are_still_taken_after_one_could_not_be(tmp_path: Path) -> None:
    """As when the process has too many files open at that moment."""

    class Listener:
        """Refuses the first connection."""

        def __init__(self, listener: socket.socket) -> None:
            self._listener = listener
            self.refusals = 1

        def accept(self) -> tuple[socket.socket, object]:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self._listener.accept()

        def shutdown(self, how: int) -> None:
            self._listener.shutdown(how)

        def close(self) -> None:
            self._listener.close()

    class Full(Folder):
        def listen(self) -> socket.socket:
            return cast(socket.socket, Listener(super().listen()))

    folder = Full(tmp_path)
    owner = Owner(folder, lambda sql: Answer(["n"], ["UInt8"], [[1]]), lambda: None)

    connection = folder.connect()
    assert connection is not None
    assert RemoteReader(folder, connection).query("SELECT 1").rows == [[1]]
    owner.close()


def test_an_owner_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.history.owner.ANSWER_SECONDS", 0.2)
    folder = Folder(tmp_path)
    listener = folder.listen()
    connection = folder.connect()
    assert connection is not None

    with pytest.raises(HistoryUnavailable, match="did not answer"):
        RemoteReader(folder, connection).query("SELECT 1")
    listener.close()


def test_a_folder_that_cannot_be_opened_is_said_with_what_to_do(tmp_path: Path, omni: Omni) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")

    with pytest.raises(HistoryUnavailable, match=r"cannot be opened: Not a directory.*--history"):
        open_folder(tmp_path / "file" / "history")
    asked = omni("simulate", "-", "--history", tmp_path / "file" / "history")
    assert asked.code == 3
    assert "cannot be opened" in asked.stderr


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
