"""A ClickHouse server of one's own: private folder, free port, any installed version (Debian's is 18.16)."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from clickhouse_driver import Client
from clickhouse_driver.errors import Error

START_SECONDS = 30

CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{folder}/server.log</log><errorlog>{folder}/error.log</errorlog></logger>
  <tcp_port>{port}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <user_files_path>{folder}/user_files/</user_files_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_concurrent_queries>50</max_concurrent_queries>
  {more}
</yandex>
"""
USERS = """<?xml version="1.0"?>
<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users>
    <default>
      <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </default>
  </users>
  <quotas><default></default></quotas>
</yandex>
"""


class ClickhouseServer:
    """Started on construction; `stop`, `kill` and `start` may follow in any order."""

    def __init__(self, folder: Path) -> None:
        """`folder` is this server's alone and must exist."""
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.configure()
        (folder / "users.xml").write_text(USERS)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def configure(self, more: str = "") -> None:
        """Write the configuration, with `more` XML in it, for the next start."""
        text = CONFIG.format(folder=self.folder, port=self.port, more=more)
        (self.folder / "config.xml").write_text(text)

    def url(self, database: str) -> str:
        return f"clickhouse://default@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        binary = shutil.which("clickhouse-server")
        if binary is None:
            raise FileNotFoundError("clickhouse-server is not installed: apt-get install clickhouse-server")
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [binary, f"--config-file={self.folder / 'config.xml'}"],
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "output.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"clickhouse-server did not start:\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        client = Client("127.0.0.1", port=self.port, connect_timeout=1)
        try:
            return bool(client.execute("SELECT 1") == [(1,)])
        except (Error, OSError, EOFError):
            return False
        finally:
            client.disconnect()
