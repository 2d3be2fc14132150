-- How recently, how often and for how much each customer has bought (RFM).
--
-- One row per customer and currency. `purchase_days` are the days (UTC) with an order: several orders on one day are
-- one purchase, as in the literature; the frequency of a model as BG/NBD is one less. `spend_minor` is what is left
-- after refunds; an order that was cancelled or refunded in full is no purchase. `account` is empty for who has none.
-- The scores are fifths, 5 the best, of when they last bought, of purchase days and of spending, among the buyers in
-- the same currency: 1 and a point for each fifth of them that is wholly below. Equals score the same, so that 1 is
-- more than a fifth where most have bought once.
--
-- $from time: orders from then on
-- $to time: orders before then
-- $tenant text = default: whose
--
-- chart: bar spend_minor by account, currency
SELECT
    customer_account AS account,
    purchase_days,
    toDateTime(intDiv(first_ms, 1000), 'UTC') AS first_at,
    toDateTime(intDiv(last_ms, 1000), 'UTC') AS last_at,
    spend_minor,
    currency,
    orders,
    customer_id,
    recency_score,
    frequency_score,
    monetary_score
FROM
(
    SELECT
        buyer.1 AS customer_id,
        currency,
        buyer.2 AS purchase_days,
        buyer.3 AS orders,
        buyer.4 AS first_ms,
        buyer.5 AS last_ms,
        buyer.6 AS spend_minor,
        1 + arrayCount(below -> last_ms > below, recency) AS recency_score,
        1 + arrayCount(below -> purchase_days > below, frequency) AS frequency_score,
        1 + arrayCount(below -> spend_minor > below, monetary) AS monetary_score
    FROM
    (
        SELECT
            currency,
            groupArray((customer_id, purchase_days, orders, first_ms, last_ms, spend_minor)) AS buyers,
            arrayMap(fifths -> intDiv(count() * fifths + 4, 5), [1, 2, 3, 4]) AS ends, -- rounded up
            arraySort(groupArray(last_ms)) AS last_times,
            arraySort(groupArray(purchase_days)) AS all_days,
            arraySort(groupArray(spend_minor)) AS spendings,
            arrayMap(end -> last_times[end], ends) AS recency,
            arrayMap(end -> all_days[end], ends) AS frequency,
            arrayMap(end -> spendings[end], ends) AS monetary
        FROM
        (
            SELECT
                customer_id,
                order_money AS currency,
                uniqExact(intDiv(ordered_at_ms, 86400000)) AS purchase_days,
                count() AS orders,
                min(ordered_at_ms) AS first_ms,
                max(ordered_at_ms) AS last_ms,
                sum(net_minor) AS spend_minor
            FROM $orders
            WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
            GROUP BY customer_id, currency
        )
        GROUP BY currency
    )
    ARRAY JOIN buyers AS buyer
) AS scored
ANY LEFT JOIN $accounts AS known USING customer_id
ORDER BY spend_minor DESC, customer_id, currency
