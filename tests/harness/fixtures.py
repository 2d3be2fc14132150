"""Fixtures that build installations; suites import `install` into their conftest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.broker.local import LocalKafka
from tests.harness.environment import clean_environment
from tests.harness.installation import Installation

Install = Callable[..., Installation]


def carts(delay: str) -> str:
    """Return a rules file with one rule: a reminder of each cart that lies untouched for `delay`."""
    rule = f"{{name: cart_reminder, kind: abandoned_cart, delay: {delay}}}"
    return f"version: test\ndefaults: {{expires_after: none}}\nrules:\n  - {rule}\n"


@pytest.fixture
def install(kafka: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[Install]:
    """Build an installation on the session's broker: `install(rules, partitions="4", …)`."""
    made: list[Installation] = []

    def build(rules: str, **variables: str) -> Installation:
        number = len(made)
        name = f"{number}{prefix}"
        made.append(
            Installation(kafka.bootstrap, name, tmp_path / str(number), clean_environment(), rules, **variables)
        )
        return made[-1]

    yield build
    for installation in made:
        installation.close()
