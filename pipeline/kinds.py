"""Rule kinds from outside the project: classes found by an entry point in the group `omni.kinds`.

`pipeline/domain/triggers/README.md` shows a whole one. They join `RULES` when a rules file is read, and are then like
the project's own: in rules files, in what the commands list, in the JSON Schema for editors.
"""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from pipeline.domain.triggers import RULES
from pipeline.domain.triggers.kind import Config, Kind
from pipeline.errors import USAGE, OmniError

ENTRY_POINTS: Final = "omni.kinds"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class KindError(OmniError):
    """A rule kind from outside cannot be used: the message says which, of which distribution, why, and what to do."""

    exit_code = USAGE


def load_kinds() -> None:
    """Let kinds from outside join `RULES`. Raises KindError; then none has joined."""
    found: dict[str, type[Kind]] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        kind = _loaded(point)
        if found.get(point.name, RULES.get(point.name, kind)) is not kind:
            raise _broken(point, "there is another kind of that name. Give it one of its own")
        found[point.name] = kind
    RULES.update(found)


def _loaded(point: EntryPoint) -> type[Kind]:
    if not _NAME.fullmatch(point.name):
        raise _broken(point, "its name must be of small letters, digits and _")
    try:
        kind = point.load()
    except (ImportError, AttributeError, NameError, SyntaxError, TypeError, ValueError) as error:
        raise _broken(point, f"it cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Kind)):
        raise _broken(point, "it is no class derived from pipeline.domain.triggers.kind.Kind")
    config_type = getattr(kind, "config_type", None)
    if not (isinstance(config_type, type) and issubclass(config_type, Config)):
        raise _broken(point, "its config_type is no class derived from pipeline.domain.triggers.kind.Config")
    if not (kind.__doc__ or "").startswith("Fires when"):
        raise _broken(point, "its docstring must say when it fires (Fires when … unless … at most once per …)")
    try:
        kind("rule", config_type()).events  # noqa: B018 – what the worker will ask for first
    except (TypeError, ValueError, AttributeError) as error:
        raise _broken(point, f"it cannot be made with its defaults: {error}") from error
    return kind


def _broken(point: EntryPoint, why: str) -> KindError:
    of = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return KindError(f"The rule kind {point.name} ({point.value}){of} cannot be used: {why}.")
