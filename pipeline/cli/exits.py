"""What the errors of the layers below mean to the shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.broker import BrokerError
from pipeline.cli import NO, UNREACHABLE, USAGE, CommandError
from pipeline.domain.errors import InvalidEvent
from pipeline.identity_file import IdentityFileError
from pipeline.sources import SourceError
from pipeline.wire.json_event import time_ms
from pipeline.wire.normalise import check_time


@contextmanager
def exits() -> Iterator[None]:
    """Turn the errors that a person can mend into the end of the command, with its exit status."""
    from pipeline.clients.publisher import UnknownTopic

    try:
        yield
    except BrokerError as error:
        raise CommandError(str(error), UNREACHABLE) from error
    except (SourceError, IdentityFileError) as error:
        raise CommandError(str(error), USAGE) from error
    except UnknownTopic as error:
        raise CommandError(str(error), NO) from error


def time_argument(option: str, text: str | None) -> int | None:
    """Read a time of the command line, RFC 3339 or milliseconds, if it was given. Raises CommandError.

    It moves clocks that never go back, so it is held to the bounds of an event's time.
    """
    if text is None:
        return None
    try:
        at_ms = time_ms(int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else text, option)
        check_time(option, at_ms)
    except InvalidEvent as error:
        raise CommandError(f"{error.detail}. Write it like 2026-11-24T10:00:00Z.", USAGE) from error
    return at_ms
