"""May a schema change this way? Every version must read every other: producers and consumers move when they like.

`schemas/history/<name>/<number>.avsc` keeps each released version. The current one is held against all of them, in
both directions (what registries call FULL_TRANSITIVE), by the checker of Apache Avro.
"""

from __future__ import annotations

from pathlib import Path

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import Schema, parse
from msgspec import Struct

from pipeline.wire.schemas import released, schema_folder


class Verdict(Struct, frozen=True):
    """What the check says of one schema: `problems` is empty when it may be released.

    `versions` is how many released versions it was held against, `is_new` whether it differs from all of them.
    """

    name: str
    versions: int
    is_new: bool
    problems: tuple[str, ...]


def check(folder: Path | None = None) -> tuple[Verdict, ...]:
    """Check all schemas of `folder` (default: ours), in the order of their names."""
    folder = folder or schema_folder()
    current = {path.stem: path for path in sorted(folder.glob("*.avsc"))}
    gone = {path.name for path in (folder / "history").iterdir() if path.is_dir()} - set(current)
    verdicts = [_check_one(name, path, folder) for name, path in current.items()]
    verdicts += [Verdict(name, 0, False, (f"{name}.avsc is gone, but versions of it were released",)) for name in gone]
    return tuple(sorted(verdicts, key=lambda verdict: verdict.name))


def _check_one(name: str, path: Path, folder: Path) -> Verdict:
    earlier = released(name, folder)
    try:
        new = _parse(path)
    except (AvroException, ValueError) as error:
        return Verdict(name, len(earlier), True, (f"{path.name}: not an Avro schema: {error}",))
    problems: list[str] = []
    is_new = True
    for version in earlier:
        old = _parse(version)
        is_new = is_new and old.canonical_form != new.canonical_form
        where = f"{name}/{version.name}"
        problems += [f"{path.name} cannot read what {where} wrote: {problem}" for problem in _problems(new, old)]
        problems += [f"{where} cannot read what {path.name} writes: {problem}" for problem in _problems(old, new)]
    return Verdict(name, len(earlier), is_new, tuple(problems))


def _parse(path: Path) -> Schema:
    return parse(path.read_text(encoding="utf-8"))


def _problems(reader: Schema, writer: Schema) -> list[str]:
    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [f"{_place(reader, location)}: {message}" for location, message in _pairs(result.locations, result.messages)]


def _pairs(locations: set[str], messages: set[str]) -> list[tuple[str, str]]:
    """The checker keeps places and messages in two sets; paired where there is one of each."""
    if len(locations) == 1 == len(messages):
        return [(next(iter(locations)), next(iter(messages)))]
    return [("/".join(sorted(locations)), message) for message in sorted(messages)]


def _place(reader: Schema, location: str) -> str:
    """Turn `/fields/3/type` into the name of the field."""
    parts = location.strip("/").split("/")
    if len(parts) >= 2 and parts[0] == "fields" and parts[1].isdigit() and hasattr(reader, "fields"):
        fields = reader.fields
        index = int(parts[1])
        if index < len(fields):
            return str(fields[index].name)
    return location
