"""Who the customers are, by which channels they come, and how identity is found."""

from __future__ import annotations

from pipeline.monitoring.panels import HAPPENED, ORDERED, Dashboard, lines, numbers, promql, report_table, sql, table

CUSTOMERS = Dashboard(
    "omni-customers",
    "Customers and identity",
    "Customers, their channels, and how the identity graph grows, joins and refuses.",
    "30d",
    (
        numbers(
            "Customers with a state",
            "On all workers together, all tenants.",
            promql('sum(omni_table_keys{actor="customer"})', "customers"),
        ),
        numbers(
            "Identifiers",
            "On all workers together, all tenants.",
            promql('sum(omni_table_keys{actor="identity"})', "identifiers"),
        ),
        numbers(
            "Merges per minute",
            "Two customers found to be one.",
            promql('60 * sum(omni:counted:rate5m{what="identity_merges"})', "merges"),
        ),
        numbers(
            "Refusals per minute",
            "Links and merges that limits forbade. A leap: a value that many share.",
            promql('60 * sum(omni:counted:rate5m{what="identity_refusals"})', "refusals"),
        ),
        lines(
            "Identity changes per day",
            "Created, attached, moved, merged, unmerged, refused, blocked.",
            sql(f"""
                SELECT toDateTime(toStartOfDay(occurred_at)) AS time, change, count() AS changes
                FROM identity_changes WHERE {HAPPENED} GROUP BY time, change ORDER BY time, change
            """),
        ),
        lines(
            "Customers seen per day",
            "By channel; who comes by two channels counts in both.",
            sql(f"""
                SELECT toDateTime(toStartOfDay(occurred_at)) AS time, channel, uniqExact(customer_id) AS customers
                FROM events WHERE {HAPPENED} GROUP BY time, channel ORDER BY time, channel
            """),
        ),
        table(
            "Channels",
            "Events, customers and kept orders of each channel, and how many of its customers come by another too.",
            sql(f"""
                SELECT
                    channel, sum(events) AS events, count() AS customers, sum(orders) AS orders,
                    countIf(channels > 1) AS also_elsewhere
                FROM
                (
                    SELECT channel, customer_id, sum(told) AS events, sum(bought) AS orders
                    FROM
                    (
                        SELECT channel, customer_id, count() AS told, 0 AS bought
                        FROM events WHERE {HAPPENED} GROUP BY channel, customer_id
                        UNION ALL
                        SELECT order_channel AS channel, customer_id, 0 AS told, count() AS bought
                        FROM $orders WHERE kept AND {ORDERED} GROUP BY channel, customer_id
                    )
                    GROUP BY channel, customer_id
                ) AS here
                ANY LEFT JOIN
                (
                    SELECT customer_id, uniqExact(channel) AS channels
                    FROM events WHERE {HAPPENED} GROUP BY customer_id
                ) AS everywhere USING customer_id
                GROUP BY channel ORDER BY events DESC
            """),
        ),
        report_table("Customers by number of channels", "channel_study"),
        report_table("Visits", "sessions"),
        report_table("Stages of the journey", "journey_stages"),
        report_table("Cohorts", "cohorts"),
        table(
            "Identifiers attached, by kind",
            "What customers are recognised by.",
            sql(f"""
                SELECT
                    kind, countIf(change = 'created') AS founded_a_customer, countIf(change = 'attached') AS attached,
                    countIf(change = 'moved') AS moved
                FROM identity_changes WHERE change IN ('created', 'attached', 'moved') AND {HAPPENED}
                GROUP BY kind ORDER BY kind
            """),
        ),
        table(
            "Refused links, by kind and reason",
            "Many refusals of few values: a shared address or device. Few of many values: the limits are too tight.",
            sql(f"""
                SELECT kind, reason, count() AS refusals, uniqExact(value) AS different_values
                FROM identity_changes WHERE change = 'refused' AND {HAPPENED}
                GROUP BY kind, reason ORDER BY refusals DESC, kind, reason
            """),
        ),
    ),
)
