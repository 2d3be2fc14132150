"""Reads `rules.yaml` (`deploy/README.md` explains it) into `Rules`. A wrong file is refused whole, with every line."""

from __future__ import annotations

from pathlib import Path

from pipeline.domain.rules.in_force import Rules
from pipeline.rules_file.compiling import compiled
from pipeline.rules_file.reading import RulesFileError, read_sheet, read_text

__all__ = ["RulesFileError", "load_rules", "read_text", "rules_of"]


def load_rules(path: Path) -> Rules:
    """Read the rules. Raises `RulesFileError`."""
    return compiled(read_sheet(path))


def rules_of(text: str, name: Path | str, number: int = 0) -> Rules:
    """Read the rules that a `text` holds, as version `number`; complaints call it `name`. Raises `RulesFileError`."""
    return compiled(read_sheet(Path(name), text), number)
