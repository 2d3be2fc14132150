"""What a local broker remembers of itself between two starts, and whether it is running now."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
from msgspec import Struct


class BrokerState(Struct, frozen=True, kw_only=True):
    """`<data_dir>/kafka/state.json`. Ports and cluster id are chosen once; `formatted`: the storage is complete."""

    client_port: int
    controller_port: int
    cluster_id: str
    formatted: bool = False
    pid: int = 0

    @property
    def bootstrap(self) -> str:
        """Address for clients, `host:port`."""
        return f"127.0.0.1:{self.client_port}"


def broker_dir(data_dir: Path) -> Path:
    """Return the absolute folder of the local broker of `data_dir`."""
    return (data_dir / "kafka").resolve()


def read_state(directory: Path) -> BrokerState | None:
    """Return what is remembered in `directory`, or None if there is nothing (or nothing readable)."""
    try:
        return msgspec.json.decode((directory / "state.json").read_bytes(), type=BrokerState)
    except (OSError, msgspec.DecodeError):
        return None


def write_state(directory: Path, state: BrokerState) -> None:
    """Remember `state`, whole or not at all."""
    partial = directory / "state.json.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    partial.replace(directory / "state.json")


def running_pid(directory: Path) -> int | None:
    """Return the process id of the broker of `directory`, or None.

    The remembered number is only a hint: it may meanwhile belong to a stranger, and a start that was killed half-way
    could not write it down.
    """
    wanted = f"kafka.Kafka {directory / 'server.properties'}"
    state = read_state(directory)
    if state and state.pid and wanted in command_line(state.pid):
        return state.pid
    if not directory.is_dir():
        return None
    return next((pid for pid in _process_ids() if wanted in command_line(pid)), None)


def running_bootstrap(data_dir: Path) -> str | None:
    """Return the address of the broker running out of `data_dir`, or None."""
    directory = broker_dir(data_dir)
    state = read_state(directory)
    return state.bootstrap if state and running_pid(directory) else None


def command_line(pid: int) -> str:
    """Return the command line of process `pid`; empty if there is none, or if it is dead and not yet buried."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "" if "<defunct>" in listed.stdout else listed.stdout


def _process_ids() -> list[int]:
    own = os.getpid()
    proc = Path("/proc")
    if (proc / "self" / "cmdline").exists():
        found = [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    else:
        listed = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=False)
        found = [int(word) for word in listed.stdout.split()]
    return [pid for pid in found if pid != own]
