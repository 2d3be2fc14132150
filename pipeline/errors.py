"""The errors that people can mend, and what each means to the shell. Imports nothing of the project.

Whoever finds that a file is wrong or a service away raises an `OmniError` of its own; `pipeline/__main__.py` is the one
place that catches them all.
"""

from __future__ import annotations

from typing import Final

DONE: Final = 0
NO: Final = 1
"""The answer is no: a check failed, something is not there."""
USAGE: Final = 2
"""Wrong usage or configuration."""
UNREACHABLE: Final = 3
"""A needed service does not answer: the same again later may work."""


class OmniError(Exception):
    """Ends the command: the message says what is wrong, where, and what to do; `exit_code` goes to the shell."""

    exit_code: int = NO

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        if exit_code is not None:
            self.exit_code = exit_code
