"""A server that speaks TLS and wants a password: the same history, through the same door."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.broker.ready import free_ports
from pipeline.history.engine import HistoryUnavailable
from pipeline.history.writer import open_history
from pipeline.settings import Settings, load_settings
from tests.clickhouse_server import USERS, ClickhouseServer
from tests.history_rows import ONE_OF_EACH

pytestmark = pytest.mark.clickhouse

TLS = """
  <tcp_port_secure>{port}</tcp_port_secure>
  <openSSL><server>
    <certificateFile>{folder}/cert.pem</certificateFile><privateKeyFile>{folder}/key.pem</privateKeyFile>
    <verificationMode>none</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile>
  </server></openSSL>
"""
OMNI = """<omni>
      <password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
    </omni>"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of the server, and where its certificate is, as the end of a URL."""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder)
    (port,) = free_ports(1)
    server = ClickhouseServer(folder)
    server.stop()
    (folder / "users.xml").write_text(USERS.replace("</users>", f"{OMNI}</users>"))
    server.configure(TLS.format(port=port, folder=folder))
    server.start()
    yield f"127.0.0.1:{port}/omni?ca_certs={folder}/cert.pem"
    server.kill()


def certificate(folder: Path) -> None:
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)


def at(url: str) -> Settings:
    return load_settings(environ={}, clickhouse_url=url)


def test_rows_go_over_tls_to_a_user_with_a_password(guarded: str) -> None:
    history = open_history(at(f"clickhouses://omni:secret@{guarded}"))
    try:
        history.write(ONE_OF_EACH)

        assert history.engine.query("SELECT count() FROM events").rows == [[1]]
    finally:
        history.close()


def test_a_wrong_password_and_a_certificate_that_nobody_vouches_for_are_refused_without_telling_secrets(
    guarded: str,
) -> None:
    with pytest.raises(HistoryUnavailable, match="refuses the login") as wrong:
        open_history(at(f"clickhouses://omni:wrong@{guarded}"))
    with pytest.raises(HistoryUnavailable, match="certificate verify failed"):
        open_history(at(f"clickhouses://omni:secret@{guarded.partition('?')[0]}"))

    assert "wrong" not in str(wrong.value).replace("Wrong password", "")
