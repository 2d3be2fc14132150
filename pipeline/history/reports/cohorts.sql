-- How many of the customers who first bought in a month, or week, buy again later.
--
-- `age` counts months (weeks) since the first purchase; `share` is of the cohort's customers. An age that has not ended
-- yet is not complete: the newest of each cohort.
--
-- $from time: first purchases from then on
-- $to time: orders before then
-- $tenant text = default: whose
-- $per month|week = month: length of a period
-- $currency text: of the money (default: that of most orders)
--
-- chart: heat share over age by cohort
SELECT
    cohort,
    age,
    any(size) AS cohort_customers,
    uniqExact(customer_id) AS customers,
    round(customers / cohort_customers, 4) AS share,
    count() AS orders,
    sumIf(net_minor, order_money = $main_currency) AS spend_minor,
    $main_currency AS currency
FROM
(
    SELECT
        customer_id,
        net_minor,
        order_money,
        cohort,
        size,
        toDate(toUInt16(intDiv(ordered_at_ms, 86400000))) AS day,
        if(
            $per = 'week',
            intDiv(toUInt32(toMonday(day)) - toUInt32(cohort), 7),
            (toYear(day) * 12 + toMonth(day)) - (toYear(cohort) * 12 + toMonth(cohort))
        ) AS age
    FROM
    (
        SELECT customer_id, ordered_at_ms, net_minor, order_money
        FROM $orders
        WHERE kept AND ordered_at_ms < $to
    ) AS bought
    ALL INNER JOIN
    (
        SELECT customer_id, cohort, size
        FROM
        (
            SELECT cohort, groupArray(customer) AS members, length(members) AS size
            FROM
            (
                SELECT
                    customer_id AS customer,
                    min(ordered_at_ms) AS first_ms,
                    toDate(toUInt16(intDiv(first_ms, 86400000))) AS first_day,
                    if($per = 'week', toMonday(first_day), toStartOfMonth(first_day)) AS cohort
                FROM $orders
                WHERE kept AND ordered_at_ms < $to
                GROUP BY customer
                HAVING first_ms >= $from
            )
            GROUP BY cohort
        )
        ARRAY JOIN members AS customer_id
    ) AS cohorts USING customer_id
)
GROUP BY cohort, age
ORDER BY cohort, age
