-- One row per customer: its visits as (when, touchpoint), the earliest first.
(
    SELECT
        customer_hash,
        arraySort(groupArray((
            started_at_ms,
            if($by = 'campaign' AND visit_${by_word} = '', '(no campaign)', visit_${by_word})
        ))) AS visits
    FROM $visits
    GROUP BY customer_hash
)
