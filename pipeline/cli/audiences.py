"""`omni audiences export`: the members of an audience as a file that an ad platform takes."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.ad_lists import FORMATS, Member, Row, members_of, reachable, written
from pipeline.errors import DONE, NO, USAGE, OmniError
from pipeline.settings import Settings

HELP = """Write the members of an audience into a file that an ad platform takes as a customer list. There is no address
in it: e-mail addresses and phone numbers are SHA-256, each made of the form that the platform compares. Whoever denied
ads or marketing is in no audience, and so in no file. A list is whole: let it replace the one uploaded before."""
EXAMPLE = """
omni audiences export retargeting --format google --out retargeting.csv
omni audiences export retargeting --format meta --out retargeting.csv --tenant shop-2
omni audiences export retargeting --format plain --out members.csv --simulation result
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the audience, the format, and where to read and to write."""
    parser.add_argument("action", choices=["export"], help="export: write the members into a file")
    parser.add_argument("name", metavar="NAME", help="the audience's name in the rules file")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="google: Customer Match; meta: Custom Audience; tiktok: Customer File; plain: ids, hashes and products",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")
    parser.add_argument("--tenant", default="default", metavar="T", help="whose audience (default: default)")
    parser.add_argument(
        "--simulation",
        type=Path,
        metavar="DIR",
        help="read what omni simulate --out DIR has left, instead of the topic audiences",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Read, write, say how many."""
    records = _simulated(args.simulation) if args.simulation else _published(settings, args.name)
    members = members_of(records, args.name, args.tenant)
    if members is None:
        where = args.simulation or "the topic audiences"
        raise OmniError(f"Nobody was ever in an audience {args.name} of tenant {args.tenant}, says {where}.", NO)
    rows = written(members, args.format)
    _write(args.out, rows)
    listed = reachable(members, args.format)
    if args.json:
        said = {
            "audience": args.name,
            "format": args.format,
            "file": str(args.out),
            "members": len(members),
            "rows": len(rows) - 1,
            "without_address": len(members) - listed,
        }
        print(msgspec.json.encode(said).decode())
        return DONE
    print(f"{args.out}: {listed:,} of {len(members):,} members of {args.name}.")
    if listed < len(members):
        print(f"{len(members) - listed:,} have no address that can be matched there.")
    return DONE


def _published(settings: Settings, audience: str) -> list[Member]:
    """Return the latest record of each key; one that was removed (a null record) is as if there never was any."""
    from pipeline.clients.feeds import FEEDS
    from pipeline.clients.follower import follow
    from pipeline.wire.records import UnreadableRecord

    feed = FEEDS["audiences"]
    decode = feed.decoder(settings)
    latest: dict[bytes | None, Member] = {}
    for record in follow(settings, feed.topics, from_start=True, until_end=True):
        try:
            said = None if record.value is None else decode(record.value)
        except UnreadableRecord as error:
            place = f"{record.topic}/{record.partition}, offset {record.offset}"
            raise OmniError(
                f"{place}: {error}. Without it the list would not be whole; none was written.", NO
            ) from error
        if said is None:
            latest.pop(record.key, None)
        elif said["audience"] == audience:
            latest[record.key] = said
    return list(latest.values())


def _simulated(folder: Path) -> Iterator[Member]:
    try:
        with (folder / "audiences.jsonl").open("rb") as file:
            yield from map(msgspec.json.decode, file)
    except (OSError, msgspec.DecodeError) as error:
        raise OmniError(f"{folder} holds no result of omni simulate --out: {error}.", USAGE) from error


def _write(path: Path, rows: Sequence[Row]) -> None:
    """Write all of it or nothing: half a list would take customers out of a campaign."""
    half = path.with_name(f"{path.name}.part")
    try:
        with half.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        half.replace(path)
    except OSError as error:
        raise OmniError(f"{path} cannot be written: {error.strerror}.", USAGE) from error
