from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.broker import BrokerError, jars
from pipeline.broker.local import LocalKafka


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fake(tmp_path: Path, script: str) -> str:
    command = tmp_path / "mvn"
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    command.chmod(0o755)
    return str(command)


def test_jars_are_fetched_once_and_kept_for_every_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        f'echo x >> {tmp_path}/calls; for a; do case "$a" in -DoutputDirectory=*) mkdir -p "${{a#*=}}";; esac; done'
    )
    monkeypatch.setattr(jars, "find_maven", lambda: fake(tmp_path, script))

    first, second = jars.jars(), jars.jars()

    assert first == second == tmp_path / "cache" / "omni" / f"kafka-{jars.KAFKA_VERSION}"
    assert first.is_dir()
    assert (tmp_path / "calls").read_text(encoding="utf-8") == "x\n"


def test_a_failed_fetch_leaves_nothing_behind_and_says_what_maven_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "find_maven", lambda: fake(tmp_path, "echo no route to host; exit 1"))

    with pytest.raises(BrokerError, match="no route to host"):
        jars.jars()

    assert [path.name for path in (tmp_path / "cache" / "omni").iterdir()] == [f"kafka-{jars.KAFKA_VERSION}.lock"]


def test_no_maven_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "find_maven", lambda: None)

    with pytest.raises(BrokerError, match="Install maven"):
        jars.jars()


def test_no_java_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(BrokerError, match="Install default-jre-headless"):
        LocalKafka(tmp_path / "data").start()


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "home" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))

    assert jars.find_java() == str(java)


def test_a_cache_that_cannot_be_made_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder", encoding="utf-8")

    with pytest.raises(BrokerError, match="XDG_CACHE_HOME"):
        jars.jars()
