"""What was sent, why the rest was not, and what came of it."""

from __future__ import annotations

from pipeline.monitoring.panels import Dashboard, bars, lines, promql, report_table, sql, table

DECIDED = "tenant = ${tenant:sqlstring} AND $__timeFilter(decided_at)"
FIRED = "status = 'fired' AND tenant = ${tenant:sqlstring} AND $__timeFilter(fired_at)"

MARKETING = Dashboard(
    "omni-marketing",
    "Marketing",
    "Triggers, why others were not sent, and their effect.",
    "30d",
    (
        lines(
            "Triggers per hour",
            "Sent, by rule.",
            sql(f"""
                SELECT toDateTime(toStartOfHour(fired_at)) AS time, rule, count() AS triggers
                FROM triggers WHERE {FIRED} GROUP BY time, rule ORDER BY time, rule
            """),
        ),
        lines(
            "Decisions per second",
            "As they are made, before they are stored, all tenants.",
            promql('omni:counted:rate5m{what="decisions"}', "{{reason}}"),
            unit="ops",
        ),
        table(
            "What became of each rule's proposals",
            "Held and deferred ones are decided again later, so one proposal may count in several columns.",
            sql(f"""
                SELECT
                    rule,
                    countIf(outcome = 'fired') AS sent,
                    countIf(outcome = 'dropped') AS dropped,
                    countIf(outcome = 'held_out') AS held_out,
                    countIf(outcome = 'held') AS held_over_night,
                    countIf(outcome = 'deferred') AS deferred_by_cap,
                    countIf(outcome = 'revoked') AS taken_back
                FROM decisions WHERE {DECIDED} GROUP BY rule ORDER BY sent DESC, rule
            """),
            width=24,
        ),
        bars(
            "Why not sent",
            "Reasons of everything dropped or held out.",
            sql(f"""
                SELECT reason, count() AS proposals
                FROM decisions WHERE outcome IN ('dropped', 'held_out') AND {DECIDED}
                GROUP BY reason ORDER BY proposals DESC, reason
            """),
        ),
        table(
            "Why not sent, by rule",
            "A reason that leaps after a change of the rules is worth a look at rules_version.",
            sql(f"""
                SELECT rule, outcome, reason, count() AS proposals, uniqExact(customer_id) AS customers
                FROM decisions WHERE outcome IN ('dropped', 'held_out') AND {DECIDED}
                GROUP BY rule, outcome, reason ORDER BY proposals DESC, rule, reason
            """),
        ),
        report_table(
            "Effect of each rule",
            "trigger_effect",
            "Who got one, or was held out, in the last week is still watched: choose a longer time.",
        ),
        report_table("Abandoned carts", "abandonment"),
        report_table("Touchpoints that purchases are credited to", "touchpoints"),
        report_table("Gaps between channels", "channel_gaps", min_viewers="10"),
        report_table("Feedback", "feedback"),
        bars(
            "Channels",
            "Which channel a trigger was bound to; empty: to none, whoever reads the topic decides.",
            sql(f"""
                SELECT if(channel = '', 'none', toString(channel)) AS bound_to, count() AS triggers
                FROM triggers WHERE {FIRED} GROUP BY bound_to ORDER BY triggers DESC, bound_to
            """),
        ),
        table(
            "Waited from due to fired",
            "Hours over nights, caps and backlogs, by rule.",
            sql(f"""
                SELECT
                    rule,
                    round(quantile(0.5)(fired_at_ms - due_at_ms) / 3600000, 2) AS half_within_hours,
                    round(quantile(0.95)(fired_at_ms - due_at_ms) / 3600000, 2) AS most_within_hours
                FROM triggers WHERE {FIRED} GROUP BY rule ORDER BY rule
            """),
        ),
        table(
            "Taken back",
            "Triggers overtaken by a purchase that came late.",
            sql("""
                SELECT rule, count() AS taken_back
                FROM triggers
                WHERE status = 'revoked' AND tenant = ${tenant:sqlstring} AND $__timeFilter(fired_at)
                GROUP BY rule ORDER BY taken_back DESC, rule
            """),
        ),
        table(
            "Rules versions",
            "Under which rules decisions were made, and when.",
            sql(f"""
                SELECT rules_version, min(decided_at) AS first, max(decided_at) AS last, count() AS decisions
                FROM decisions WHERE {DECIDED} GROUP BY rules_version ORDER BY first
            """),
        ),
    ),
)
