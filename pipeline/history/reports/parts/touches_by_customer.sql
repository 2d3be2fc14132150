-- One row per customer: its visits as (when, touchpoint), the earliest first.
(
    SELECT
        customer_id,
        arraySort(groupArray((
            started_at_ms,
            multiIf(
                $by = 'channel', visit_channel,
                $by = 'campaign', if(visit_campaign = '', '(no campaign)', visit_campaign),
                visit_group
            )
        ))) AS visits
    FROM $visits
    GROUP BY customer_id
)
