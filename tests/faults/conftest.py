"""Fixtures of the fault suite."""

from __future__ import annotations

from tests.harness.fixtures import install

__all__ = ["install"]
