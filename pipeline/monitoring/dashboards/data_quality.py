"""What producers send wrong, late, twice or not at all."""

from __future__ import annotations

from pipeline.monitoring.panels import HAPPENED, Dashboard, bars, lines, promql, report_table, sql, table

REFUSED = "tenant IN ('', ${tenant:sqlstring}) AND $__timeFilter(appended_at)"
RECEIVED = "tenant = ${tenant:sqlstring} AND $__timeFilter(received_at)"

DATA_QUALITY = Dashboard(
    "omni-data-quality",
    "Data quality",
    "Records refused, events late, repeated, contradictory or incomplete, and how fresh each channel is.",
    "7d",
    (
        lines(
            "Share of records refused",
            "Above 1 % an alert comes; above fuse_invalid_ratio the worker stops by itself.",
            promql("omni:dead_letters:ratio5m", "refused"),
            unit="percentunit",
        ),
        lines(
            "Counted per second",
            "Everything dropped, repeated, corrected or incomplete; decisions are on the dashboard Marketing.",
            promql('omni:counted:rate5m{what!="decisions"} > 0', "{{what}} {{reason}}"),
            unit="ops",
        ),
        lines(
            "Dead letters per hour",
            "By reason; those whose tenant could not be read are shown to every tenant.",
            sql(f"""
                SELECT toDateTime(toStartOfHour(appended_at)) AS time, reason, count() AS letters
                FROM dead_letters WHERE {REFUSED} GROUP BY time, reason ORDER BY time, reason
            """),
        ),
        table(
            "Dead letters by topic",
            "With one example each. `omni deadletter list` shows the records.",
            sql(f"""
                SELECT topic, reason, count() AS letters, max(appended_at) AS latest, any(detail) AS example
                FROM dead_letters WHERE {REFUSED} GROUP BY topic, reason ORDER BY letters DESC, topic, reason
            """),
        ),
        report_table("Freshness", "freshness"),
        report_table("Faults of each channel", "data_quality"),
        table(
            "Completeness",
            "Percent of the events of each type that say what reports need.",
            sql(f"""
                SELECT
                    event_type, count() AS events,
                    round(100 * avg(session_id != ''), 1) AS with_session,
                    round(100 * avg(length(items.sku) > 0), 1) AS with_items,
                    round(100 * avg(device != ''), 1) AS with_device,
                    round(100 * avg(country != ''), 1) AS with_country,
                    round(100 * avg(campaign_source != ''), 1) AS with_campaign
                FROM events WHERE {HAPPENED} GROUP BY event_type ORDER BY events DESC, event_type
            """),
            width=24,
        ),
        bars(
            "Events that contradict each other",
            "Another content under an event id already used, by channel. The first counts.",
            sql(f"""
                SELECT channel, count() AS contents
                FROM event_conflicts WHERE kept = 0 AND {RECEIVED}
                GROUP BY channel ORDER BY contents DESC, channel
            """),
        ),
        bars(
            "Orders that say too little",
            "Completed orders without an id, an amount, a currency or lines.",
            sql(f"""
                SELECT lacking, count() AS orders
                FROM
                (
                    SELECT arrayFilter(name -> name != '', [
                        if(order_id = '', 'order id', ''),
                        if(ifNull(order_amount_minor, 0) = 0, 'amount', ''),
                        if(order_currency IN ('', 'XXX'), 'currency', ''),
                        if(length(items.sku) = 0, 'lines', '')
                    ]) AS lack
                    FROM events WHERE event_type = 'order_completed' AND {HAPPENED}
                ) AS told
                ARRAY JOIN lack AS lacking
                GROUP BY lacking ORDER BY orders DESC, lacking
            """),
        ),
        table(
            "Tables of the history",
            "Rows and bytes on disk; rows not merged yet count more than once.",
            sql("""
                SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts
                FROM system.parts WHERE active AND database = currentDatabase()
                GROUP BY table ORDER BY bytes DESC
            """),
            width=24,
        ),
    ),
)
