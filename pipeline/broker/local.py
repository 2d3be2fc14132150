"""A single-node Apache Kafka of this installation's own, in `<data_dir>/kafka`."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from pipeline.broker import BrokerError, guard
from pipeline.broker.jars import KAFKA_DIR, KAFKA_VERSION, find_java, jars, locked, writable
from pipeline.broker.ready import free_ports, port_free, wait_until_answered
from pipeline.broker.state import BrokerState, broker_dir, read_state, running_pid, write_state

START_TIMEOUT_SECONDS: Final = 120.0  # 3–5 s on an idle machine; a busy one has been seen to need 40
STOP_TIMEOUT_SECONDS: Final = 20.0
PORT_ATTEMPTS: Final = 3  # a port can be taken between choosing it and listening on it
JVM_OPTIONS: Final = (
    "-Xms128m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)  # fmt: skip


class BrokerStatus(Struct, frozen=True):
    """A running broker: address for clients, process id, version."""

    bootstrap: str
    pid: int
    version: str


class LocalKafka:
    """Starts, finds and stops the broker of `data_dir`; ports and data stay the same from one start to the next.

    `start` leaves a broker that outlives this process, as `omni kafka start` wants it. As a context manager the broker
    ends with the block, and with this process even if that is killed; one that was already running is left running.
    """

    def __init__(self, data_dir: Path) -> None:
        self.directory = broker_dir(data_dir)
        self.log = self.directory / "server.log"
        self._guard: subprocess.Popen[bytes] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._found_running = False

    def __enter__(self) -> Self:
        self._found_running = self.status() is not None
        if not self._found_running:
            self.start(ephemeral=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._found_running:
            self.stop()

    @property
    def bootstrap(self) -> str:
        """Address of the running broker. Raises `BrokerError` if there is none."""
        status = self.status()
        if status is None:
            raise BrokerError(f"The local broker of {self.directory} is not running. Start it: omni kafka start")
        return status.bootstrap

    def status(self) -> BrokerStatus | None:
        """Return what is running, or None."""
        state, pid = read_state(self.directory), running_pid(self.directory)
        return BrokerStatus(state.bootstrap, pid, KAFKA_VERSION) if state and pid else None

    def start(self, *, ephemeral: bool = False) -> BrokerStatus:
        """Start the broker unless it is running, and return when it answers. Raises `BrokerError`.

        An `ephemeral` broker ends with this process.
        """
        java = find_java()
        if java is None:
            raise BrokerError(
                "There is no Java. Install default-jre-headless (17 or later) or set KAFKA_BOOTSTRAP=host:port."
            )
        libs = jars()
        writable(self.directory, "choose another data directory: --data-dir")
        with locked(self.directory / "lock"):
            for _ in range(PORT_ATTEMPTS):
                state, pid = read_state(self.directory), running_pid(self.directory)
                if state is None or pid is None:
                    self._end(signal.SIGTERM)  # running, but where is forgotten
                    state = self._prepare(java, libs)
                    pid = self._launch(java, libs, ephemeral=ephemeral)
                    write_state(self.directory, msgspec.structs.replace(state, pid=pid))
                if self._answers(state):
                    return BrokerStatus(state.bootstrap, pid, KAFKA_VERSION)
                if not self._launched:
                    if running_pid(self.directory) is None:
                        continue  # it ended meanwhile
                    raise BrokerError(
                        f"The broker of {self.directory} runs (process {pid}) but did not answer in "
                        f"{START_TIMEOUT_SECONDS:.0f} s. Stop it: omni kafka stop"
                    )
                if self._end(signal.SIGKILL):
                    raise BrokerError(f"Kafka did not answer in {START_TIMEOUT_SECONDS:.0f} s. See {self.log}")
                if "Address already in use" not in self._last_words():
                    break
        raise BrokerError(f"Kafka ended while starting. The end of {self.log}:\n{self._last_words()}")

    def stop(self) -> bool:
        """Stop the broker, by force if it takes long; return whether one was running."""
        if not self.directory.is_dir():
            return False
        with locked(self.directory / "lock"):
            return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as a power cut would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def _prepare(self, java: str, libs: Path) -> BrokerState:
        """Choose what was not chosen yet – or is taken by now – write the configuration, format the storage once."""
        state = read_state(self.directory) or self._first_state()
        if not (port_free(state.client_port) and port_free(state.controller_port)):
            client, controller = free_ports(2)
            state = msgspec.structs.replace(state, client_port=client, controller_port=controller)
        template = Template((KAFKA_DIR / "server.properties").read_text(encoding="utf-8"))
        (self.directory / "server.properties").write_text(
            template.substitute(
                client_port=state.client_port, controller_port=state.controller_port, directory=self.directory
            ),
            encoding="utf-8",
        )
        if not state.formatted:
            self._format(java, libs, state.cluster_id)
            state = msgspec.structs.replace(state, formatted=True)
        write_state(self.directory, state)
        return state

    def _first_state(self) -> BrokerState:
        client, controller = free_ports(2)
        try:  # the storage outlives a lost state.json
            lines = (self.directory / "data" / "meta.properties").read_text(encoding="utf-8").splitlines()
            known = next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))
        except (OSError, StopIteration):
            fresh = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            return BrokerState(client_port=client, controller_port=controller, cluster_id=fresh)
        return BrokerState(client_port=client, controller_port=controller, cluster_id=known, formatted=True)

    def _format(self, java: str, libs: Path, cluster: str) -> None:
        shutil.rmtree(self.directory / "data", ignore_errors=True)  # left by a start that was cut short
        command = [java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*", "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*command, f"--cluster-id={cluster}", "-c", str(self.directory / "server.properties")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BrokerError(
                f"Kafka could not format {self.directory / 'data'}:\n{(done.stdout + done.stderr)[-1500:]}"
            )

    def _launch(self, java: str, libs: Path, *, ephemeral: bool) -> int:
        command = [java, *JVM_OPTIONS, "-cp", f"{libs}/*", "kafka.Kafka", str(self.directory / "server.properties")]
        self.log.write_bytes(b"")  # of this start alone, so that its last words are its own
        if ephemeral:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, str(self.log), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: we stop the broker when we are done with it
                cwd=self.directory,
            )
            assert self._guard.stdout is not None
            line = self._guard.stdout.readline()
            if not line:
                raise BrokerError(f"The guard of the broker did not start: {' '.join(command)}")
            return int(line)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.directory
            )
        return self._child.pid

    def _answers(self, state: BrokerState) -> bool:
        try:
            return wait_until_answered(
                state.client_port,
                state.cluster_id,
                self._alive,
                START_TIMEOUT_SECONDS,
            )
        except BaseException:  # Ctrl-C while it starts must not leave a process behind
            if self._launched:
                self._end(signal.SIGKILL)
            raise

    @property
    def _launched(self) -> bool:
        """Whether the broker was started here, not found running."""
        return self._guard is not None or self._child is not None

    def _alive(self) -> bool:
        process = self._guard or self._child  # asked first: just after its start a process has no command line yet
        return process.poll() is None if process else running_pid(self.directory) is not None

    def _end(self, how: signal.Signals) -> bool:
        pid = running_pid(self.directory)
        if pid is not None:
            os.kill(pid, how)
            deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
            while running_pid(self.directory) == pid:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        if self._guard is not None:
            self._guard.communicate()  # closes its input, which ends whatever it still guards
        self._guard = self._child = None
        return pid is not None

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]
