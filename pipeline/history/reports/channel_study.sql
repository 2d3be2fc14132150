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
            SELECT
                customer_hash,
                length(arrayDistinct(arrayConcat(visited_in, ordered_in))) AS used,
                visited, in_span, ordered, spent
            FROM
            (
                SELECT
                    customer_hash,
                    groupUniqArrayIf(visit_${by_word}, started_at_ms >= $from AND started_at_ms < $to) AS visited_in,
                    countIf(started_at_ms >= $from AND started_at_ms < $to) AS visited,
                    max(visit_in_span) AS in_span
                FROM $visits
                GROUP BY customer_hash
            ) AS came
            ANY LEFT JOIN
            (
                SELECT
                    customer_hash,
                    groupUniqArrayIf(visit_${by_word}, visit_${by_word} != 'of its visit') AS ordered_in,
                    sum(kept) AS ordered,
                    sumIf(net_minor, order_money = $main_currency) AS spent
                FROM
                (
                    -- A channel whose group a link decides has that of the visit that the order is in.
                    SELECT
                        cityHash64(customer_id) AS customer_hash,
                        order_channel AS visit_channel,
                        'of its visit' AS link_group,
                        $channel_group AS visit_channel_group,
                        kept,
                        net_minor,
                        order_money
                    FROM $orders
                    WHERE ordered_at_ms >= $from AND ordered_at_ms < $to
                )
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
