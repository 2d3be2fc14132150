"""The form in which an answer of the history is printed, as `--format` names it."""

from __future__ import annotations

import sys
from difflib import get_close_matches

from pipeline.errors import USAGE, OmniError
from pipeline.history.formats import FORMATS, SYNONYMS, Formatter, formatter


def chosen_format(name: str | None) -> Formatter:
    """Return the formatter of `name`; without one, a table on a terminal, else values between tabs.

    Raises OmniError, with the nearest name, for one that is not known.
    """
    write = formatter(name or ("Pretty" if sys.stdout.isatty() else "TabSeparated"))
    if write is None:
        near = get_close_matches(name or "", [*FORMATS, *SYNONYMS], 1, cutoff=0.5)
        remedy = f"Did you mean {near[0]}? " if near else ""
        raise OmniError(f"--format {name}: not known. {remedy}There are {', '.join(FORMATS)}.", USAGE)
    return write
