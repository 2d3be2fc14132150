"""Every Prometheus metric: unit, labels, and what a high value means. Nothing else makes one."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "omni_messages_handled",
    "Messages handled, by actor (ingest counts records). No value is high; a flat line with lag is a stall.",
    ["actor"],
)
OUTPUTS = Counter("omni_outputs_delivered", "Records delivered to Kafka, by actor.", ["actor"])
CHANGES = Counter(
    "omni_changelog_records",
    "Changelog records written, by actor. Much above the handled messages: states change without need.",
    ["actor"],
)
UNIT_SECONDS = Histogram(
    "omni_unit_seconds",
    "Seconds from the start of a unit to its durability, by actor. High: a slow broker, or units too large.",
    ["actor"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
LAG = Gauge("omni_lag_records", "Records not yet handled, by topic, of this worker's partitions.", ["topic"])
KEYS = Gauge("omni_table_keys", "Keys with a state on this worker, by actor.", ["actor"])
TIMERS = Gauge("omni_timers_pending", "Keys waiting for a time on this worker, by actor.", ["actor"])
TIMER_LATENESS_SECONDS = Gauge(
    "omni_timer_lateness_seconds",
    "How long the most overdue timer of this worker waits already, by actor. High: behind, or the clock stands still.",
    ["actor"],
)
CLOCK_LAG_SECONDS = Gauge(
    "omni_clock_lag_seconds",
    "Seconds that the whole installation is behind the time of day (-1: unknown). Above 10, timers run on stream time.",
)
RULES_NUMBER = Gauge(
    "omni_rules_number",
    "Number of the rules in force on this worker, by version. Workers that differ for more than some seconds: one "
    "cannot read the topic of the rules.",
    ["version"],
)
HISTORY_ROWS = Counter(
    "omni_history_rows", "Rows written into the history, by table; those of a failed write again.", ["table"]
)
HISTORY_REFUSED = Counter(
    "omni_history_refused",
    "Rows that history could not read or store and kept as dead letters, by reason. Any: look into dead_letters.",
    ["reason"],
)
HISTORY_LAG = Gauge("omni_history_lag_records", "Records that history has not taken in yet, by topic.", ["topic"])
HISTORY_DELAY_SECONDS = Gauge(
    "omni_history_delay_seconds",
    "How long ago the broker took the oldest row in hand that is not stored yet. Above a few: the database is slow.",
)
RECOVERED = Counter("omni_recovered_records", "Changelog records read back at assignment, by actor.", ["actor"])
CHANGELOGS_CUT = Counter(
    "omni_changelogs_cut",
    "Partitions of a changelog found shorter than what had been kept of them, by actor. Any: the broker lost records, "
    "the log says which.",
    ["actor"],
)
RECOVERY_SECONDS = Gauge(
    "omni_recovery_seconds", "Seconds from the last revocation (at first: from the start) until events flowed again."
)
COUNTS = Counter(
    "omni_counted",
    "What the actors count, by what and why: dead_letters by reason, duplicates, event_conflicts, repeats_dropped "
    "(messages repeated by a crash, dropped unseen), offsets_skipped by channel topic (transaction markers; if many, "
    "records that retention removed before they were handled), blocked identifiers, refusals, evictions, decisions "
    "by reason, unknown_event_types by channel (kept, but nothing follows from them: misspelt?).",
    ["what", "reason"],
)
BY_CHANNEL = frozenset(
    {
        "clocks_corrected",
        "duplicates",
        "event_conflicts",
        "events_out_of_time",
        "orders_repeated",
        "unknown_event_types",
    }
)
"""What is counted under an event's channel, which is any word of a producer: one not configured counts as `other`."""
END_TO_END_SECONDS = Histogram(
    "omni_event_seconds",
    "Seconds from the broker's append of an event to the durability of what it changed at its customer, for the event "
    "of each unit that waited longest.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
)


def count(what: str, reason: str, number: int, channels: Collection[str]) -> None:
    """Add to `omni_counted`, with as many label values as there are `channels` configured, and `other`."""
    if what in BY_CHANNEL and reason not in channels:
        reason = "other"
    COUNTS.labels(what, reason).inc(number)
