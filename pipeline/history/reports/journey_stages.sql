-- From which stage to which customers go, how many, how long they stay, and where they are.
--
-- The stages are those of the customer's state: awareness, consideration, purchase, use, and support while a case is
-- open (who has one when the span begins is in support from its beginning on); `none` is after a case where the span
-- tells nothing else. A row with an empty `stage` is where journeys begin, one with an empty `next` where customers are
-- at the end of the span. `share` is of all that leave the stage or are still in it. `median_hours` is the time in the
-- stage; of those still in it the time so far, until the end of the span or the newest event of all. Nobody goes back to
-- awareness.
--
-- $from time: what happened from then on
-- $to time: before then
-- $tenant text = default: whose
--
-- chart: heat share over next by stage
SELECT
    stage,
    next,
    changes,
    customers,
    round(changes / greatest(leaving, 1), 4) AS share,
    median_hours
FROM
(
    SELECT
        stage,
        groupArray((next, changes, customers, median_hours)) AS ways,
        sum(changes) AS leaving
    FROM
    (
        SELECT
            step.1 AS stage,
            step.2 AS next,
            count() AS changes,
            uniqExact(customer_hash) AS customers,
            round(quantileExact(0.5)(step.3) / 3600000, 1) AS median_hours
        FROM
        (
            SELECT
                customer_hash,
                arraySort(groupArray(occurred_at_ms * 16 + mark)) AS all_told, -- one number each: quick to sort
                -- The same said again changes nothing, but for cases: the most of what is told.
                arrayFilter(
                    (each, before) -> each % 16 <= 2 OR each % 16 != before % 16,
                    all_told, arrayPushFront(arrayPopBack(all_told), toInt64(0))
                ) AS told,
                arrayMap(each -> $journey_marks[each % 16], told) AS names,
                arrayCumSum(arrayMap(each -> multiIf(each = 'opened', 1, each = 'closed', -1, 0), names)) AS open,
                arrayMap(
                    (each, place, cases) -> multiIf(
                        cases > 0, 'support',
                        each NOT IN ('closed', 'awareness'), each,
                        arrayReverse(arrayPushFront(
                            arrayFilter(
                                other -> other NOT IN ('opened', 'closed', 'awareness'), arraySlice(names, 1, place)
                            ),
                            if(has(arraySlice(names, 1, place), 'awareness'), 'awareness', 'none')
                        ))[1]
                    ),
                    names, arrayEnumerate(names), open
                ) AS stages,
                arrayMap((each, stage) -> (intDiv(each, 16), stage), told, stages) AS placed,
                arrayFilter(
                    (each, before) -> each.2 != before.2, placed, arrayPushFront(arrayPopBack(placed), (toInt64(0), ''))
                ) AS entered,
                arrayMap(
                    (each, after) -> (each.2, after.2, if(after.1 = 0, ended_ms, after.1) - each.1),
                    arrayPushFront(entered, (entered[1].1, '')),
                    arrayPushBack(entered, (toInt64(0), ''))
                ) AS steps,
                max(occurred_at_ms) AS last_ms,
                greatest(last_ms, least(toInt64($to), (
                    SELECT max(least(occurred_at_ms, received_at_ms)) FROM events_log WHERE tenant = $tenant
                ))) AS ended_ms
            FROM
            (
                SELECT cityHash64(customer_id) AS customer_hash, occurred_at_ms, toUInt8($journey_mark) AS mark
                FROM events
                WHERE tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to AND mark > 0
                UNION ALL
                SELECT customer_hash, occurred_at_ms, mark FROM $case_marks
            )
            GROUP BY customer_hash
            HAVING last_ms >= $from
        )
        ARRAY JOIN steps AS step
        GROUP BY stage, next
    )
    GROUP BY stage
)
ARRAY JOIN
    arrayMap(way -> way.1, ways) AS next, arrayMap(way -> way.2, ways) AS changes,
    arrayMap(way -> way.3, ways) AS customers, arrayMap(way -> way.4, ways) AS median_hours
ORDER BY indexOf($journey_stages, stage), changes DESC, next
