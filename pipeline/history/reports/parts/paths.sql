-- One row per order of the span (`bought` is 1), with the touchpoints in the window before it, and one per customer with
-- all its touchpoints (`bought` is 0, `ordered_at_ms` when it last ordered, 0 if never), the earliest first. An order is
-- in a visit, so that every customer with one has touchpoints. Both at one go: telling visits apart takes the time.
(
    SELECT
        customer_hash,
        way.1 AS touches,
        way.2 AS ordered_at_ms,
        way.3 AS net_minor,
        way.4 AS order_money,
        way.5 AS bought
    FROM
    (
        SELECT
            customer_hash,
            arrayConcat(
                [(visits, last_ms, toInt64(0), '', toUInt8(0))],
                arrayMap(
                    each -> (
                        arrayFilter(touch -> touch.1 <= each.1 AND touch.1 > each.1 - $window, visits),
                        each.1, each.2, each.3, toUInt8(1)
                    ),
                    orders
                )
            ) AS ways
        FROM $touches_by_customer AS touched
        ANY LEFT JOIN
        (
            SELECT
                cityHash64(customer_id) AS customer_hash,
                max(ordered_at_ms) AS last_ms,
                groupArrayIf(
                    (ordered_at_ms, toInt64(net_minor), toString(order_money)),
                    kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
                ) AS orders
            FROM $orders
            GROUP BY customer_hash
        ) AS ordered USING customer_hash
    )
    ARRAY JOIN ways AS way
)
