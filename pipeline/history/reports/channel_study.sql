-- How many customers use one channel, two or more, and what they spend and how often they come.
--
-- The table that a retailer of 46,000 shoppers published (Sopadjieva, Dholakia and Benjamin, Harvard Business Review
-- 2017), from your own customers: who use more channels spend more, but whether the channels are the cause no count can
-- tell. A channel is used by a visit or an order in it; buyers have an order that they have kept.
--
-- $from time: visits and orders from then on
-- $to time: before then
-- $tenant text = default: whose
-- $by channel|channel_group = channel: what a channel is
-- $currency text: of the money (default: that of most orders)
--
-- chart: bar spend_minor_per_customer by channels
SELECT
    toString(used) AS channels,
    customers,
    round(customers / here, 4) AS share,
    visits,
    round(visits / customers, 2) AS visits_per_customer,
    buyers,
    orders,
    spend_minor,
    round(spend_minor / customers) AS spend_minor_per_customer,
    $main_currency AS currency
FROM
(
    SELECT groupArray((used, customers, visits, buyers, orders, spend_minor)) AS rows, sum(active) AS here
    FROM
    (
        SELECT
            used,
            count() AS customers,
            sum(in_span) AS active,
            sum(visited) AS visits,
            countIf(ordered > 0) AS buyers,
            sum(ordered) AS orders,
            sum(spent) AS spend_minor
        FROM
        (
            SELECT customer_hash, used, visited, in_span, ordered, spent
            FROM
            (
                SELECT
                    customer_hash,
                    uniqExactIf(visit_${by_word}, started_at_ms >= $from AND started_at_ms < $to) AS used,
                    countIf(started_at_ms >= $from AND started_at_ms < $to) AS visited,
                    max(visit_in_span) AS in_span
                FROM $visits
                GROUP BY customer_hash
            ) AS came
            ANY LEFT JOIN
            (
                SELECT
                    cityHash64(customer_id) AS customer_hash,
                    count() AS ordered,
                    sumIf(net_minor, order_money = $main_currency) AS spent
                FROM $orders
                WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
                GROUP BY customer_hash
            ) AS bought USING customer_hash
        )
        GROUP BY used
    )
)
ARRAY JOIN
    arrayMap(row -> row.1, rows) AS used, arrayMap(row -> row.2, rows) AS customers,
    arrayMap(row -> row.3, rows) AS visits, arrayMap(row -> row.4, rows) AS buyers,
    arrayMap(row -> row.5, rows) AS orders, arrayMap(row -> row.6, rows) AS spend_minor
WHERE used > 0
ORDER BY used
