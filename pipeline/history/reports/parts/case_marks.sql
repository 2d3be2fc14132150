-- Two rows per time that a case was said to be opened: when it was (`opened`), and when it was closed (`closed`), by its
-- own id or by a word that names no case and closes all. An opening told often ends often: as many are closed as were
-- opened. Cases of before the span that are still open in it were opened just before it. As the customer's own state
-- reads cases.
(
    SELECT
        customer_hash,
        tupleElement(marked, 1) AS occurred_at_ms,
        toUInt8(indexOf($journey_marks, tupleElement(marked, 2))) AS mark
    FROM
    (
        SELECT
            customer_hash,
            groupArrayIf((at_ms, case_hash), event_type = 'case_opened') AS opened,
            groupArrayIf((at_ms, case_hash), event_type = 'case_closed') AS closed,
            arrayFilter(
                each -> each.2 = 0 OR each.2 >= $from AND each.2 > each.1,
                arrayMap(
                    each -> (
                        each.1,
                        arraySort(arrayMap(end -> end.1, arrayFilter(
                            end -> end.1 >= each.1 AND (end.2 = each.2 OR end.2 = cityHash64('')), closed
                        )))[1]
                    ),
                    opened
                )
            ) AS cases, -- opened, closed (0: not yet)
            arrayConcat(
                arrayMap(each -> (greatest(each.1, toInt64($from) - 1), 'opened'), cases),
                arrayMap(each -> (each.2, 'closed'), arrayFilter(each -> each.2 > 0, cases))
            ) AS marks
        FROM
        (
            SELECT
                cityHash64(customer_id) AS customer_hash,
                event_type,
                occurred_at_ms AS at_ms,
                replaceAll(visitParamExtractRaw(properties, 'case_id'), '"', '') AS case_id,
                cityHash64(
                    if(case_id != '', case_id, replaceAll(visitParamExtractRaw(properties, 'id'), '"', ''))
                ) AS case_hash
            FROM events
            WHERE tenant = $tenant AND event_type IN ('case_opened', 'case_closed') AND occurred_at_ms < $to
        )
        GROUP BY customer_hash
    )
    ARRAY JOIN marks AS marked
)
