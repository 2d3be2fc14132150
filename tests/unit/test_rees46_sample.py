"""What becomes of a test whose sample data is not there: never silently nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.rees46 import sample


def test_a_clone_without_the_sample_skips_its_tests_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"events_dev\.csv"):
        sample(tmp_path / "events_dev.csv")


def test_where_ci_runs_a_missing_sample_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match=r"events_dev\.csv"):
        sample(tmp_path / "events_dev.csv")


def test_a_sample_that_is_there_is_used(tmp_path: Path) -> None:
    path = tmp_path / "events_dev.csv"
    path.touch()

    assert sample(path) == path
