-- How far visits get on the way to a purchase, step by step, by device or channel, over time.
--
-- A step is an event type, or `type/word` where its property `step` or `page` is that word. Steps count in their order,
-- each later than the one before by a millisecond at least; other events may lie between. What goes through the funnel
-- is a session where one is told, else (or with --scope customer) a customer, from the first step on for the length of
-- the window. It counts once a period in which it takes the first step, with what follows from its latest first step.
-- `of_previous` is the share that took the step of those at the step before, with the limits between which the true
-- share lies (Wilson's interval): two periods differ where these do not overlap.
--
-- $from time: steps from then on
-- $to time: before then
-- $tenant text = default: whose
-- $steps steps = product_viewed,product_added,checkout_started,order_completed: event types, in order
-- $scope session|customer = session: what goes through the funnel
-- $window duration = 7d: from the first step to the last
-- $by none|device|channel|country|campaign_medium = none: rows
-- $per none|day|week|month = none: periods, by the first step of the way
-- $confidence two_sided = 0.95: of the interval
--
-- chart: bar reached by period, name, step
SELECT
    period,
    name,
    number,
    $steps_names[number] AS step,
    reached,
    round(reached / greatest(begun, 1), 4) AS of_first,
    round(reached / greatest(before, 1), 4) AS of_previous,
    if(before = 0, 0, round((reached + pow($z_confidence, 2) / 2 - half) / (before + pow($z_confidence, 2)), 4)) AS low,
    if(before = 0, 0, round((reached + pow($z_confidence, 2) / 2 + half) / (before + pow($z_confidence, 2)), 4)) AS high
FROM
(
    SELECT
        period,
        name,
        number,
        counts[1] AS begun,
        counts[number] AS reached,
        if(number = 1, begun, counts[number - 1]) AS before,
        $z_confidence * sqrt(reached * (before - reached) / greatest(before, 1) + pow($z_confidence, 2) / 4) AS half
    FROM
    (
        SELECT
            if($per = 'none', '', toString(begun_on)) AS period,
            name,
            sumForEach(arrayMap(begun -> has(begun, begun_on), begun_by_step)) AS counts
        FROM
        (
            SELECT
                name,
                $steps_chains,
                arrayMap(
                    chain -> arrayDistinct(arrayMap(
                        each -> multiIf(
                            $per = 'week', toMonday(toDate(toUInt16(intDiv(each.2, 86400000)))),
                            $per = 'month', toStartOfMonth(toDate(toUInt16(intDiv(each.2, 86400000)))),
                            $per = 'day', toDate(toUInt16(intDiv(each.2, 86400000))),
                            toDate(0)
                        ),
                        arrayFilter(each -> each.1 - each.2 <= $window, chain)
                    )),
                    $steps
                ) AS begun_by_step
            FROM
            (
                SELECT
                    if($scope = 'session' AND session_id != '', cityHash64(session_id), toUInt64(0)) AS session_hash,
                    cityHash64(customer_id) AS customer_hash,
                    argMin(
                        toString(multiIf(
                            $by = 'device', device, $by = 'channel', channel, $by = 'country', country,
                            $by = 'campaign_medium', campaign_medium, ''
                        )) AS word,
                        occurred_at_ms * 1048576 + cityHash64(word) % 1048576 -- of one moment: by hash
                    ) AS name,
                    $steps_told
                FROM events
                WHERE
                    tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to
                    AND event_type IN ($steps_types)
                GROUP BY customer_hash, session_hash
            )
        )
        ARRAY JOIN begun_by_step[1] AS begun_on
        GROUP BY period, name
    )
    ARRAY JOIN $steps_numbers AS number
)
ORDER BY period, name, number
