"""Every Prometheus metric: unit, labels, and what a high value means. Nothing else makes one.

The last word of a name is its unit. Each process counts for itself and serves its own `/metrics`: sums over processes
are Prometheus's work. What is measured costs once per unit of work or per scrape, never per event.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from pipeline.domain.errors import InvalidReason

disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of all series, and no question needs them

LABELS: Final = {
    "actor": "`ingest`, `identity`, `customer`, `product`",
    "channel": "a configured channel; any other is `other`",
    "partition": "number of the partition",
    "reason": "why, from closed lists of the code; see `omni_counted_total`",
    "rule": "name of a rule of the rules file",
    "table": "table of the history: `events`, `triggers`, `decisions`, `identity_changes`, `dead_letters`",
    "topic": "topic with its prefix: of channels, of inboxes, of changelogs, of what history reads",
    "version": "version of the rules file; only the one in force is shown",
    "what": "what is counted, see the list",
}
"""Every label and its values, all of them bounded by configuration or by closed lists."""

COUNTED: Final = {
    "answers_dropped": "answers of products to a customer that is not known. Any: tell the maintainers",
    "applied_ahead_of_clock": "events applied before their time, because too many of one customer or product waited",
    "cart_changes_ignored": "changes of carts that are closed, or that a newer one had overtaken",
    "catalog_ignored": "updates of products and stock that were late, or deltas told twice, by why",
    "clocks_corrected": "events whose clock was wrong and was corrected, by channel. Many: a device's clock is off",
    "dead_letters": "records refused, by reason. More than a few: a producer is broken, see `omni deadletter list`",
    "decisions": "decisions of the arbiter, by outcome and reason (`fired_sent`, `dropped_no_consent`, …)",
    "duplicates": "events received again, by channel. Many: a producer sends twice",
    "event_conflicts": "other contents under an event id already used, by channel. Any: a producer reuses ids",
    "events_incomplete": "events that lack what they are about (an order id, items, a currency), by what is lacking",
    "events_out_of_time": "events too old or too far ahead to start anything, by channel",
    "evictions": "things a customer or product forgot because a collection was full, by collection",
    "identifiers_blocked": "identifiers that identify nobody (`null`, `guest`, …), by why",
    "identity_merges": "merges of two customers: `merged`, `undone`",
    "identity_messages_dropped": "messages between customers that came too late to mean anything",
    "identity_refusals": "links and merges refused, by reason. A leap: a shared value (a tablet) links strangers",
    "offsets_skipped": "offsets without a record, by topic: transactions' markers; if many, retention removed records",
    "operator_events": "merges confirmed or undone and identifiers blocked by people, by type",
    "orders_repeated": "orders that came again under their order id, by channel",
    "repeats_dropped": "internal messages repeated by a crash and dropped unseen, by actor",
    "sources_restarted": "topics made anew under their old name, by source",
    "stock_below_zero": "deltas that took more than there was. Many: counts in the stores are wrong",
    "unknown_event_types": "events of no known type, by channel: kept, but nothing follows from them. Misspelt?",
}
"""What `omni_counted` counts: the label `what`, and what the label `reason` tells of it."""

BY_CHANNEL: Final = frozenset(
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

WORK_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
PATH_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
LIFE_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 172_800)
"""Up to two days: some shops upload at night, some devices when they are back."""
SIZES: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)

# --- work ---------------------------------------------------------------------------------------------------------

MESSAGES = Counter(
    "omni_handled_messages",
    "Messages handled, by actor (ingest counts records). No value is high; a flat line with lag is a stall.",
    ["actor"],
)
OUTPUTS = Counter("omni_delivered_records", "Records delivered to Kafka, by actor.", ["actor"])
CHANGES = Counter(
    "omni_changelog_records",
    "Changelog records written, by actor. Much above the handled messages: states change without need.",
    ["actor"],
)
UNIT_SECONDS = Histogram(
    "omni_unit_seconds",
    "Seconds from the start of a unit to its durability, by actor. High: a slow broker, or units too large.",
    ["actor"],
    buckets=WORK_SECONDS,
)
UNIT_MESSAGES = Histogram(
    "omni_unit_messages",
    "Messages of a unit, by actor. Near 1 under load: partitions get too little at once, each unit costs a round trip.",
    ["actor"],
    buckets=SIZES,
)
LAG = Gauge("omni_lag_records", "Records not yet handled, of the partitions this worker owns.", ["topic", "partition"])
COUNTS = Counter(
    "omni_counted",
    "What is dropped, refused, repeated or decided, by what and why. The list of deploy/monitoring/README.md has all.",
    ["what", "reason"],
)

# --- the way of an event ------------------------------------------------------------------------------------------

OCCURRED_TO_INGESTED_SECONDS = Histogram(
    "omni_occurred_to_ingested_seconds",
    "Seconds from an event's occurred_at until it is durable in an inbox, by channel; of the first event of each unit. "
    "High: the producer holds events back, or ingest is behind.",
    ["channel"],
    buckets=LIFE_SECONDS,
)
END_TO_END_SECONDS = Histogram(
    "omni_event_seconds",
    "Seconds from the broker's append of an event to the durability of what it changed at its customer, for the event "
    "of each unit that waited longest.",
    buckets=PATH_SECONDS,
)
CAUSE_TO_TRIGGER_SECONDS = Histogram(
    "omni_cause_to_trigger_seconds",
    "Seconds from what caused a trigger (the broker's append of the event, or the time a timer fired) until the "
    "trigger is on its topic, by rule; of each unit the one that waited longest. High: behind, see omni_lag_records.",
    ["rule"],
    buckets=PATH_SECONDS,
)
TIMER_DELAY_SECONDS = Histogram(
    "omni_timer_delay_seconds",
    "Seconds from when a timer was due until what it caused is durable, by actor; of each unit the most overdue one. "
    "High: behind, or catching up after an outage.",
    ["actor"],
    buckets=PATH_SECONDS,
)
OCCURRED_TO_STORED_SECONDS = Histogram(
    "omni_occurred_to_stored_seconds",
    "Seconds from an event's occurred_at until it can be asked for in the history, by channel; of the first events of "
    "each write.",
    ["channel"],
    buckets=LIFE_SECONDS,
)
TRIGGER_TO_STORED_SECONDS = Histogram(
    "omni_trigger_to_stored_seconds",
    "Seconds from the firing of a trigger until it can be asked for in the history, by rule; of the first triggers of "
    "each write.",
    ["rule"],
    buckets=PATH_SECONDS,
)

# --- what this worker holds ---------------------------------------------------------------------------------------

KEYS = Gauge("omni_table_keys", "Keys with a state on this worker, by actor.", ["actor"])
TABLE_BYTES = Gauge(
    "omni_table_bytes", "Encoded size of the states on this worker, by actor. Per key it should level off.", ["actor"]
)
TIMERS = Gauge("omni_pending_timers", "Keys waiting for a time on this worker, by actor.", ["actor"])
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
CATALOG_PRODUCTS = Gauge("omni_catalog_products", "Products in this worker's copy of catalog.view. No value is high.")
CATALOG_BYTES = Gauge("omni_catalog_bytes", "What they take, of 64 MiB. At the bound, products are dropped.")
CATALOG_DROPPED = Counter(
    "omni_catalog_dropped_products",
    "Products dropped from the copy, the one longest not asked for and unchanged first. Many: too small.",
)
CATALOG_MISSED = Counter("omni_catalog_missed_questions", "Questions about a product that is not in the copy.")
RECOVERED = Counter("omni_recovered_records", "Changelog records read back at assignment, by actor.", ["actor"])
LOGS_CUT = Counter(
    "omni_cut_partitions",
    "Partitions found shorter than what had been handled or kept of them, by topic. Any: the broker lost records, the "
    "log says which.",
    ["topic"],
)
RECOVERY_SECONDS = Gauge(
    "omni_recovery_seconds", "Seconds from the last revocation (at first: from the start) until events flowed again."
)

# --- history ------------------------------------------------------------------------------------------------------

HISTORY_ROWS = Counter(
    "omni_history_rows", "Rows written into the history, by table; those of a failed write again.", ["table"]
)
HISTORY_INSERT_ROWS = Histogram(
    "omni_history_insert_rows",
    "Rows of one insert, by table. Near 1 all the time: more parts than the database can merge.",
    ["table"],
    buckets=(*SIZES, 100_000, 300_000),
)
HISTORY_REFUSED = Counter(
    "omni_history_refused_rows",
    "Rows that history could not read or store and kept as dead letters, by reason. Any: look into dead_letters.",
    ["reason"],
)
HISTORY_LAG = Gauge("omni_history_lag_records", "Records that history has not taken in yet.", ["topic", "partition"])
HISTORY_DELAY_SECONDS = Gauge(
    "omni_history_delay_seconds",
    "How long ago the broker took the oldest row in hand that is not stored yet. Above a few: the database is slow.",
)

for _reason in InvalidReason:  # shown as 0 from the start: the first of them must be seen as one more
    COUNTS.labels("dead_letters", _reason)
    HISTORY_REFUSED.labels(_reason)


def count(what: str, reason: str, number: int, channels: Collection[str]) -> None:
    """Add to `omni_counted`, with as many label values as there are `channels` configured, and `other`."""
    if what in BY_CHANNEL:
        reason = channel_label(reason, channels)
    COUNTS.labels(what, reason).inc(number)


def channel_label(channel: str, channels: Collection[str]) -> str:
    """Return the label of an event's channel, which is any word of a producer."""
    return channel if channel in channels else "other"


def show(gauge: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
    """Let `gauge` have these values by labels, and no others. A scrape meanwhile finds no gap."""
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
    shown = {tuple(sample.labels.values()) for metric in gauge.collect() for sample in metric.samples}
    for labels in shown - values.keys():
        gauge.remove(*labels)
