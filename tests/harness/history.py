"""`omni history` as a process, and what it has stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import Omni


@contextmanager
def history_process(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Let `omni history` run meanwhile."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "history"], env=dict(environment), stdout=out, stderr=out
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def rows(omni: Omni, environment: Mapping[str, str], query: str) -> Any:
    """Return what `omni sql` answers."""
    done = omni("sql", query, "--json", env=environment)
    assert done.code == 0, done.stderr
    return json.loads(done.stdout)
