"""Applies a rules file: checks it, makes the topics of its rules, and puts it on the topic `rules`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, TypeAlias

from kafka import KafkaProducer
from kafka.errors import KafkaError, RetriableError

from pipeline.broker import BrokerError, bootstrap_of
from pipeline.broker.topic_admin import connected, create_topics
from pipeline.clients.follower import read_partitions
from pipeline.rules_file import read_text, rules_of
from pipeline.rules_log.log import LEAD_MS, Applied, By, RulesLog
from pipeline.settings import Settings
from pipeline.topics import RULES, prefixed, topics

SEND_SECONDS: Final = 30.0
COORDINATOR_SECONDS = 30.0
"""A broker makes its topic of commits when first asked for one: until that is read, no group has a coordinator."""
COORDINATOR_RETRY_SECONDS = 0.1

FileStamp: TypeAlias = tuple[int, ...]
"""What changes whenever a file does; empty for one that is not there."""


def file_stamp(path: Path) -> FileStamp:
    """Return what changes whenever a file does; nothing of one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def apply_rules(settings: Settings, path: Path, by: By, from_ms: int | None = None) -> tuple[Applied, bool]:
    """Apply a file, from `from_ms` on if given; return the version, and whether it is a new one.

    A worker's file (`by` file) is not applied again while it says what a file said last: what was applied by command
    meanwhile stays. On the event clock a version holds, if no time is given, from where the furthest partition of
    the replay stands. Raises RulesFileError before anything is changed; BrokerError.
    """
    text = read_text(path)
    rules = rules_of(text, path)
    log = read_log(settings)
    if from_ms is None and settings.clock == "event":
        from_ms = _stands_at(settings)
    soon_ms = int(time.time() * 1000) + LEAD_MS
    known = log.file_text == text if by == "file" else log.says(text, soon_ms if from_ms is None else from_ms)
    if known and log.latest is not None:
        return log.latest, False
    create_topics(bootstrap_of(settings), topics(settings, [rule.name for rule in rules.rules]))
    offset = _append(settings, text, by, from_ms)
    applied = read_log(settings).by_offset[offset]
    return applied, applied.number == offset + 1


def read_log(settings: Settings) -> RulesLog:
    """Return all versions that were applied. Raises BrokerError."""
    log = RulesLog(settings.clock == "event")
    for record in read_partitions(settings, prefixed(settings, RULES), lambda _: (0,)):
        log.take(record.offset, record.appended_at_ms, record.value, record.headers)
    return log


def _append(settings: Settings, text: str, by: By, from_ms: int | None) -> int:
    headers = [("by", by.encode())]
    if from_ms is not None:
        headers.append(("from", str(from_ms).encode()))
    try:
        producer = KafkaProducer(bootstrap_servers=bootstrap_of(settings).split(","), acks="all")
        try:
            sent = producer.send(prefixed(settings, RULES), text.encode(), headers=headers)
            return int(sent.get(timeout=SEND_SECONDS).offset)
        finally:
            producer.close()
    except (KafkaError, OSError) as error:
        raise BrokerError(f"Kafka at {settings.bootstrap} did not take the rules: {error}. Try again.") from error


def _stands_at(settings: Settings) -> int:
    """Return the time up to which the furthest channel partition is handled, and one ms more; 0 before there is any.

    The workers say it with their commits (see `streaming/clock.py`).
    """
    group = settings.topic_prefix + settings.app_id
    deadline = time.monotonic() + COORDINATOR_SECONDS
    with connected(bootstrap_of(settings)) as admin:
        while True:
            try:
                commits = admin.list_group_offsets({group: None})[group]
                break
            except RetriableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(COORDINATOR_RETRY_SECONDS)
    return max((int(said.metadata) + 1 for said in commits.values() if said.metadata), default=0)
