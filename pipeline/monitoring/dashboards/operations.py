"""Is it working, is it in time, and how much is there?"""

from __future__ import annotations

from pipeline.monitoring.panels import Dashboard, lines, numbers, promql, table

OPERATIONS = Dashboard(
    "omni-operations",
    "Operations",
    "The workers and history: load, lag, latency, timers, tables. Alerts: deploy/prometheus/alerts.yaml.",
    "1h",
    (
        numbers(
            "Processes", "Workers and history that answer.", promql('sum by (job) (up{job=~"omni-.*"})', "{{job}}")
        ),
        numbers(
            "Records not yet handled",
            "All topics together. Grows: more comes in than is handled.",
            promql("sum(omni:lag_records:sum)", "workers"),
            promql("sum(omni:history_lag_records:sum)", "history"),
        ),
        numbers(
            "Clock behind",
            "How far the whole installation is behind the time of day. Above 10 s, timers run on stream time.",
            promql("max(omni_clock_lag_seconds)", "clock"),
            promql("max(omni_timer_lateness_seconds)", "latest timer"),
            unit="s",
        ),
        numbers(
            "Rules in force",
            "Number of the rules; workers that differ for more than seconds have a problem.",
            promql("max by (version) (omni_rules_number)", "{{version}}"),
        ),
        lines(
            "Messages per second",
            "Handled by each actor.",
            promql("omni:handled_messages:rate5m", "{{actor}}"),
            unit="ops",
        ),
        lines(
            "Lag by topic",
            "Records that are not durably handled, and that history has not taken in.",
            promql("omni:lag_records:sum", "{{topic}}"),
            promql("omni:history_lag_records:sum", "history: {{topic}}"),
        ),
        lines(
            "Event: broker to customer",
            "From the broker's append until what it changed at its customer is durable.",
            promql("omni:event_seconds:p50_5m", "p50"),
            promql("omni:event_seconds:p99_5m", "p99"),
            unit="s",
        ),
        lines(
            "Trigger: cause to topic, p99",
            "From the event's append, or the timer's firing, until the trigger is on its topic, by rule.",
            promql("omni:cause_to_trigger_seconds:p99_5m", "{{rule}}"),
            unit="s",
        ),
        lines(
            "Timer: due to done, p99",
            "From when a timer was due until what it caused is durable.",
            promql("omni:timer_delay_seconds:p99_5m", "{{actor}}"),
            unit="s",
        ),
        lines(
            "Event: occurred to ingested, p99",
            "High with a low lag: the producer holds its events back.",
            promql("omni:occurred_to_ingested_seconds:p99_5m", "{{channel}}"),
            unit="s",
        ),
        lines(
            "Occurred, or fired, to stored, p99",
            "Until an event (by channel) or a trigger (by rule) can be asked for in the history.",
            promql("omni:occurred_to_stored_seconds:p99_5m", "{{channel}}"),
            promql("omni:trigger_to_stored_seconds:p99_5m", "trigger {{rule}}"),
            unit="s",
        ),
        lines(
            "Unit of work, p99",
            "From its start to its durability: mostly the broker's acknowledgement.",
            promql("omni:unit_seconds:p99_5m", "{{actor}}"),
            unit="s",
        ),
        lines(
            "Messages per unit, rows per insert",
            "Near 1 under load is inefficient.",
            promql(
                "sum by (actor) (rate(omni_unit_messages_sum[5m]))"
                " / sum by (actor) (rate(omni_unit_messages_count[5m]))",
                "{{actor}}",
            ),
            promql(
                "sum by (table) (rate(omni_history_insert_rows_sum[5m]))"
                " / sum by (table) (rate(omni_history_insert_rows_count[5m]))",
                "insert: {{table}}",
            ),
        ),
        lines(
            "Timers waiting", "Keys that wait for a time.", promql("sum by (actor) (omni_pending_timers)", "{{actor}}")
        ),
        lines("Keys", "Keys with a state.", promql("sum by (actor) (omni_table_keys)", "{{actor}}")),
        lines(
            "Size of the tables",
            "Encoded states of all workers.",
            promql("sum by (actor) (omni_table_bytes)", "{{actor}}"),
            unit="bytes",
        ),
        lines(
            "History: rows per second",
            "Written, by table.",
            promql("sum by (table) (rate(omni_history_rows_total[5m]))", "{{table}}"),
            unit="ops",
        ),
        lines(
            "History: delay",
            "How long the oldest row in hand has waited. Above a few seconds, the database is slow.",
            promql("max(omni_history_delay_seconds)", "delay"),
            unit="s",
        ),
        lines(
            "Recovery",
            "From the last revocation (or the start) until events flowed.",
            promql("omni_recovery_seconds", "{{instance}}"),
            unit="s",
        ),
        lines(
            "Memory",
            "Resident, by process.",
            promql('process_resident_memory_bytes{job=~"omni-.*"}', "{{job}} {{instance}}"),
            unit="bytes",
        ),
        lines(
            "CPU",
            "Cores in use; a worker uses one.",
            promql('rate(process_cpu_seconds_total{job=~"omni-.*"}[5m])', "{{job}} {{instance}}"),
        ),
        table(
            "Partitions furthest behind",
            "The ten partitions with most records not handled.",
            promql("topk(10, omni_lag_records)", "{{topic}}/{{partition}}"),
            width=24,
        ),
    ),
)
