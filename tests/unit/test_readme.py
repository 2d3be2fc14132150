"""What README.md says of the code is taken from the code."""

from __future__ import annotations

import re

import pytest

from pipeline.cli import COMMANDS
from pipeline.settings import PROJECT_DIR, Settings
from pipeline.topics import markdown_table

README = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT_DIR / "Makefile").read_text(encoding="utf-8")


def test_the_table_of_topics_is_the_generated_one() -> None:
    assert markdown_table(Settings()) in README, "put the output of `omni topics table` into README.md"


def test_every_command_it_names_exists() -> None:
    assert set(re.findall(r"\bomni ([a-z]+)", README)) <= set(COMMANDS)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)", README))))
def test_every_make_target_it_names_exists(target: str) -> None:
    assert f"\n{target}: " in MAKEFILE


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_it_links_to_exists(path: str) -> None:
    assert (PROJECT_DIR / path).exists()
