from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from pipeline.broker.ready import free_ports, port_free, port_open
from pipeline.broker.state import BrokerState, broker_dir, command_line, read_state, running_pid, write_state

STATE = BrokerState(client_port=9092, controller_port=9093, cluster_id="c", formatted=True, pid=17)
SLEEP = "import sys, time; print(flush=True); time.sleep(60)"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)

    assert read_state(tmp_path) == STATE
    assert STATE.bootstrap == "127.0.0.1:9092"


def test_nothing_or_rubbish_is_nothing_remembered(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "state.json").write_text('{"client_port": 1', encoding="utf-8")
    assert read_state(tmp_path) is None


def test_a_stranger_with_the_remembered_process_id_is_not_the_broker(tmp_path: Path) -> None:
    directory = broker_dir(tmp_path)
    directory.mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE)
    try:
        write_state(directory, BrokerState(client_port=1, controller_port=2, cluster_id="c", pid=stranger.pid))
        assert running_pid(directory) is None
    finally:
        stranger.kill()
        stranger.communicate()


def test_a_broker_whose_start_was_killed_before_it_was_written_down_is_found(tmp_path: Path) -> None:
    directory = broker_dir(tmp_path)
    directory.mkdir()
    words = ["kafka.Kafka", str(directory / "server.properties")]
    lost = subprocess.Popen([sys.executable, "-c", SLEEP, *words], stdout=subprocess.PIPE)
    try:
        assert lost.stdout is not None
        lost.stdout.readline()
        assert running_pid(directory) == lost.pid
    finally:
        lost.kill()
        lost.communicate()


def test_a_process_that_is_dead_and_not_buried_has_no_command_line() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)

    assert command_line(dead.pid) == ""
    dead.wait()


def test_a_port_is_free_until_somebody_listens() -> None:
    first, second = free_ports(2)
    assert first != second
    assert port_free(first)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first))
        listener.listen()
        assert port_open(first)
        assert not port_free(first)
