"""What README.md, and what lies in deploy/, says of the code is taken from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.cli import COMMANDS
from pipeline.history.reports.catalogue import reports
from pipeline.rules_file.words import conditions_table, kinds_table
from pipeline.settings import PROJECT_DIR, Settings
from pipeline.topics import markdown_table

README = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")
DEPLOY = PROJECT_DIR / "deploy"
MAKEFILE = (PROJECT_DIR / "Makefile").read_text(encoding="utf-8")


def test_the_table_of_topics_is_the_generated_one() -> None:
    assert markdown_table(Settings()) in README, "put the output of `omni topics table` into README.md"


def test_the_table_of_conditions_is_the_generated_one() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- conditions:begin -->")[2].partition("<!-- conditions:end -->")[0]

    assert table.strip() == conditions_table(), "put the output of `omni rules conditions` into deploy/README.md"


def test_the_table_of_kinds_is_the_generated_one() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- kinds:begin -->")[2].partition("<!-- kinds:end -->")[0]

    assert table.strip() == kinds_table(), "put the output of `omni rules kinds` into deploy/README.md"


def test_the_table_of_reports_is_what_they_say_themselves() -> None:
    text = (PROJECT_DIR / "pipeline" / "history" / "reports" / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- reports:begin -->\n")[2].partition("<!-- reports:end -->")[0]

    assert table.splitlines()[2:] == [f"| `{each.name}` | {each.sentence} |" for each in reports().values()]


@pytest.mark.parametrize(
    "path",
    [PROJECT_DIR / "README.md", *sorted(DEPLOY.glob("*.yaml")), *sorted(DEPLOY.rglob("README.md"))],
    ids=lambda path: str(path.relative_to(PROJECT_DIR)),
)
def test_every_command_that_people_are_told_to_run_exists(path: Path) -> None:
    assert set(re.findall(r"\bomni ([a-z]+)", path.read_text(encoding="utf-8"))) <= set(COMMANDS)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)", README))))
def test_every_make_target_it_names_exists(target: str) -> None:
    assert f"\n{target}: " in MAKEFILE


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_it_links_to_exists(path: str) -> None:
    assert (PROJECT_DIR / path).exists()
