"""What a local broker remembers of itself between two starts: `<data_dir>/kafka/state.json`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
from msgspec import Struct


class BrokerState(Struct, frozen=True, kw_only=True):
    """Ports and cluster id are chosen once; `formatted` says the storage is complete; `pid` is 0 when stopped."""

    client_port: int
    controller_port: int
    cluster_id: str
    version: str
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
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def write_state(directory: Path, state: BrokerState) -> None:
    """Remember `state`, whole or not at all."""
    partial = directory / "state.json.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    partial.replace(directory / "state.json")


def command_line(pid: int) -> str:
    """Return the command line of process `pid`; empty if there is none, or if it is dead and not yet buried."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "" if "<defunct>" in listed.stdout else listed.stdout.strip()


def is_broker(pid: int, directory: Path) -> bool:
    """Tell whether `pid` is the broker of `directory`, and not a stranger who was given its old number."""
    return pid > 0 and pid != os.getpid() and f"kafka.Kafka {directory / 'server.properties'}" in command_line(pid)


def running_bootstrap(data_dir: Path) -> str | None:
    """Return the address of the broker running out of `data_dir`, or None."""
    directory = broker_dir(data_dir)
    state = read_state(directory)
    return state.bootstrap if state and is_broker(state.pid, directory) else None
