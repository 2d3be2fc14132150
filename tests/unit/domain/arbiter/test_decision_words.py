"""Whatever is decided, people are told in words."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

from pipeline.domain import reasons
from pipeline.domain.arbiter.decision_words import OUTCOMES, REASONS
from pipeline.domain.reasons import IdentityReason
from pipeline.domain.records import Outcome


def known_reasons() -> set[str]:
    """Every reason that a decision may have: all closed lists but that of identity."""
    lists = [each for each in vars(reasons).values() if isinstance(each, type) and issubclass(each, StrEnum)]
    return {str(reason) for each in lists if each not in (StrEnum, IdentityReason) for reason in each}


def test_every_reason_of_a_decision_has_words_and_no_other_has() -> None:
    assert "bought" in known_reasons()
    assert set(REASONS) == known_reasons()


def test_every_outcome_has_words_and_no_other_has() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome))


def test_the_words_are_words() -> None:
    for name, words in {**OUTCOMES, **REASONS}.items():
        assert words == words.strip() and "_" not in words and words[-1].isalpha(), name
