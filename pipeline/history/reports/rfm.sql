-- How recently, how often and for how much each customer has bought (RFM).
--
-- One row per customer and currency. `purchase_days` are the days (UTC) with an order: several orders on one day are
-- one purchase, as in the literature; the frequency of a model as BG/NBD is one less. `spend_minor` is what is left
-- after refunds and cancellations. `account` is empty for who has none.
--
-- $from time: orders from then on
-- $to time: orders before then
-- $tenant text = default: whose
--
-- chart: bar spend_minor by account
SELECT
    customer_account AS account,
    purchase_days,
    toDateTime(intDiv(first_ms, 1000), 'UTC') AS first_at,
    toDateTime(intDiv(last_ms, 1000), 'UTC') AS last_at,
    spend_minor,
    currency,
    orders,
    customer_id
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
    WHERE NOT undone AND ordered_at_ms >= $from AND ordered_at_ms < $to
    GROUP BY customer_id, currency
) AS buyers
ANY LEFT JOIN $accounts AS known USING customer_id
ORDER BY spend_minor DESC, customer_id, currency
