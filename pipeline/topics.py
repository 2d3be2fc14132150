"""Every topic there is: name, key, value, partitions, retention, cleanup, who. Nothing else names a topic.

`DECLARED` is the one table; `topics` fills it in for one installation, `omni topics` prints, creates and checks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from pipeline.settings import Settings

DECISIONS: Final = "decisions"
IDENTITY_CHANGES: Final = "identity.changes"
CUSTOMERS: Final = "customers"
AUDIENCES: Final = "audiences"
CATALOG_VIEW: Final = "catalog.view"
DEADLETTER: Final = "deadletter"
RULES: Final = "rules"
CATALOG_PRODUCTS: Final = "catalog.products"
CATALOG_STOCK: Final = "catalog.stock"
ACTORS: Final = ("identity", "customer", "product")

DAY_MS: Final = 86_400_000
MIB: Final = 1 << 20
BIG_MESSAGE_BYTES: Final = 16 * MIB  # an envelope holds what a whole batch sends to one partition

_BIG: Final = {"max.message.bytes": str(BIG_MESSAGE_BYTES)}
# Compacted often and in small segments: recovery reads what the cleaner has left, so its lag is our restart time.
_COMPACTED: Final = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(64 * MIB),
    "segment.ms": str(DAY_MS // 24),
    "delete.retention.ms": str(DAY_MS),
}


def _kept(days: int) -> dict[str, str]:
    """Deleted after `days` in the log, however old the events in it are: a replay of last year must not vanish."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * DAY_MS),
        "message.timestamp.type": "LogAppendTime",
    }


class Declaration(Struct, frozen=True):
    """One line of the table. `{…}` in `pattern` stands for one topic per channel, actor or rule.

    `partitions` None: as many as the settings say, so that shards meet.
    """

    pattern: str
    key: str
    value: str
    who: str
    configs: dict[str, str]
    partitions: int | None = None


class Topic(Struct, frozen=True):
    """One topic of one installation. `configs` are the broker's own words; `value` names the schema or the format."""

    name: str
    key: str
    value: str
    partitions: int
    replication: int
    configs: dict[str, str]
    who: str


DECLARED: Final = (
    Declaration(
        "channel.{channel}",
        "anything; an identifier is best",
        "ChannelEvent (Avro)",
        "producers → ingest",
        _kept(7),  # its append time is the deterministic "now" of everything that follows from an event
    ),
    Declaration(CATALOG_PRODUCTS, "tenant/SKU", "Product (Avro)", "producers → ingest", _kept(7)),
    Declaration(CATALOG_STOCK, "tenant/SKU (or tenant/SKU/store)", "StockLevel (Avro)", "producers → ingest", _kept(7)),
    Declaration("{actor}.inbox", "none; partition = shard", "envelope (msgpack)", "actors", {**_kept(7), **_BIG}),
    Declaration(
        "{app_id}-{actor}-changelog",
        "state key",
        "state (msgpack)",
        "actors",
        # Kept whole long enough to tell what a replaced worker wrote from what the owner did.
        {**_COMPACTED, **_BIG, "min.compaction.lag.ms": "600000"},
    ),
    Declaration("triggers.{rule}", "customer id", "Trigger (Avro)", "actors → consumers, history", _kept(7)),
    Declaration(DECISIONS, "customer id", "Decision (Avro)", "actors → consumers, history", _kept(7)),
    Declaration(IDENTITY_CHANGES, "customer id", "IdentityChange (Avro)", "actors → consumers, history", _kept(7)),
    Declaration(CUSTOMERS, "customer id", "Customer (Avro)", "actors → consumers", {**_COMPACTED, **_BIG}),
    Declaration(AUDIENCES, "audience/customer id", "AudienceMember (Avro)", "actors → consumers", _COMPACTED),
    Declaration(CATALOG_VIEW, "tenant and SKU", "CatalogView (Avro)", "actors → consumers, workers", _COMPACTED),
    Declaration(
        DEADLETTER,
        "source topic, partition, offset",
        "DeadLetter (Avro)",
        "ingest, actors → operators, history",
        # Holds the refused bytes with the reason around them; what is refused may be as big as an envelope.
        {**_kept(30), **_BIG},
    ),
    Declaration(
        RULES,
        "none",
        "rules file (YAML)",
        "`omni rules apply`, workers → workers",
        # A timer may wait under any version; the append time says from when a version holds.
        {**_kept(1), "retention.ms": "-1"},
        partitions=1,  # versions have one order
    ),
)


def prefixed(settings: Settings, name: str) -> str:
    """Return `name` as it is called on the broker: with the installation's prefix."""
    return settings.topic_prefix + name


def channel_topic(settings: Settings, channel: str) -> str:
    """Return the topic that producers of `channel` write to."""
    return prefixed(settings, f"channel.{channel}")


def inbox_topic(settings: Settings, actor: str) -> str:
    """Return the inbox of an actor: identity, customer or product."""
    return prefixed(settings, f"{actor}.inbox")


def changelog_topic(settings: Settings, actor: str) -> str:
    """Return the changelog of an actor's table."""
    return prefixed(settings, f"{settings.app_id}-{actor}-changelog")


def trigger_topic(settings: Settings, rule: str) -> str:
    """Return the topic on which the triggers of `rule` appear."""
    return prefixed(settings, f"triggers.{rule}")


def topics(settings: Settings, rules: Iterable[str] = ()) -> tuple[Topic, ...]:
    """Return every topic of this installation, with one trigger topic per name in `rules`, in the table's order."""
    choices = {"channel": settings.channels, "actor": ACTORS, "rule": tuple(rules)}
    durable = {"min.insync.replicas": "2"} if settings.replication >= 3 else {}
    found = []
    for line in DECLARED:
        placeholder = next((name for name in choices if f"{{{name}}}" in line.pattern), None)
        for choice in choices[placeholder] if placeholder else ("",):
            name = line.pattern.format(**{placeholder or "": choice}, app_id=settings.app_id)
            found.append(
                Topic(
                    name=prefixed(settings, name),
                    key=line.key,
                    value=line.value,
                    partitions=line.partitions or settings.partitions,
                    replication=settings.replication,
                    configs={**line.configs, **durable},
                    who=line.who,
                )
            )
    return tuple(found)


def retention(configs: dict[str, str]) -> str:
    """Return how long a topic keeps its records, in words: `7 days`, `compacted` or `for ever`."""
    if configs.get("cleanup.policy") == "compact":
        return "compacted"
    if configs["retention.ms"] == "-1":
        return "for ever"
    return f"{int(configs['retention.ms']) // DAY_MS} days"


def markdown_table(settings: Settings) -> str:
    """Return the table of the README, one line per declaration, as Markdown."""
    lines = ["| topic | key | value | partitions | keeps | who |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{_readable(line.pattern)}` | {line.key} | {line.value} | {line.partitions or settings.partitions} "
        f"| {retention(line.configs)} | {line.who} |"
        for line in DECLARED
    ]
    return "\n".join(lines)


def _readable(pattern: str) -> str:
    for name in ("channel", "actor", "rule", "app_id"):
        pattern = pattern.replace(f"{{{name}}}", f"<{name}>")
    return pattern
