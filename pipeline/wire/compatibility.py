"""May a schema change this way? Every version must read every other: producers and consumers move when they like.

`schemas/history/<name>/<number>.avsc` keeps each released version. The current one is held against all of them, in
both directions (what registries call FULL_TRANSITIVE), by the checker of Apache Avro.
"""

from __future__ import annotations

from pathlib import Path

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import RecordSchema, Schema, parse
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
    """What keeps `reader` from reading what `writer` wrote, field by field."""
    if not isinstance(reader, RecordSchema) or not isinstance(writer, RecordSchema):
        return _mismatch("the record", reader, writer)
    if reader.fullname != writer.fullname:
        return [f"it is called {writer.fullname}, not {reader.fullname}"]
    written = {field.name: field for field in writer.fields}
    problems: list[str] = []
    for field in reader.fields:
        if field.name in written:
            problems += _mismatch(field.name, field.type, written[field.name].type)
        elif not field.has_default:
            problems.append(f"{field.name}: is not there, and has no default")
    return problems


def _mismatch(name: str, reader: Schema, writer: Schema) -> list[str]:
    result = ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)  # type: ignore[no-untyped-call]
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [f"{name}: {'; '.join(sorted(result.messages))}"]
