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
    sizes[indexOf(sizes_of, 0)] AS cohort_customers, -- the first order is of age 0
    customers,
    round(customers / cohort_customers, 4) AS share,
    orders,
    spend_minor,
    $main_currency AS currency
FROM
(
    SELECT
        cohort,
        groupArray((age, customers, orders, spend_minor)) AS ages,
        arrayMap(each -> each.1, ages) AS sizes_of,
        arrayMap(each -> each.2, ages) AS sizes
    FROM
    (
        SELECT
            cohort,
            if(
                $per = 'week',
                intDiv(toUInt32(toMonday(day)) - toUInt32(cohort), 7),
                (toYear(day) * 12 + toMonth(day)) - (toYear(cohort) * 12 + toMonth(cohort))
            ) AS age,
            uniqExact(customer_id) AS customers,
            count() AS orders,
            sumIf(bought.2, bought.3 = $main_currency) AS spend_minor
        FROM
        (
            SELECT
                customer_id,
                cohort,
                bought,
                toDate(toUInt16(intDiv(bought.1, 86400000))) AS day
            FROM
            (
                SELECT
                    customer_id,
                    groupArray((ordered_at_ms, net_minor, order_money)) AS purchases,
                    min(ordered_at_ms) AS first_ms,
                    toDate(toUInt16(intDiv(first_ms, 86400000))) AS first_day,
                    if($per = 'week', toMonday(first_day), toStartOfMonth(first_day)) AS cohort
                FROM $orders
                WHERE kept AND ordered_at_ms < $to
                GROUP BY customer_id
                HAVING first_ms >= $from
            )
            ARRAY JOIN purchases AS bought
        )
        GROUP BY cohort, age
    )
    GROUP BY cohort
)
ARRAY JOIN
    arrayMap(each -> each.1, ages) AS age, arrayMap(each -> each.2, ages) AS customers,
    arrayMap(each -> each.3, ages) AS orders, arrayMap(each -> each.4, ages) AS spend_minor
ORDER BY cohort, age
