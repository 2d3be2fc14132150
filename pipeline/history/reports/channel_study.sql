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
    count() AS customers,
    round(customers / (
        SELECT uniqExact(customer_id)
        FROM events
        WHERE
            tenant = $tenant AND event_type NOT IN ($passive_types)
            AND occurred_at_ms >= $from AND occurred_at_ms < $to
    ), 4) AS share,
    sum(visited) AS visits,
    round(visits / customers, 2) AS visits_per_customer,
    countIf(ordered > 0) AS buyers,
    sum(ordered) AS orders,
    sum(spent) AS spend_minor,
    round(spend_minor / customers) AS spend_minor_per_customer,
    $main_currency AS currency
FROM
(
    SELECT customer_id, used, visited, ordered, spent
    FROM
    (
        SELECT
            customer_id,
            uniqExact(if($by = 'channel', visit_channel, visit_group)) AS used,
            count() AS visited
        FROM $visits
        WHERE started_at_ms >= $from AND started_at_ms < $to
        GROUP BY customer_id
    ) AS came
    ANY LEFT JOIN
    (
        SELECT
            customer_id,
            count() AS ordered,
            sumIf(net_minor, order_money = $main_currency) AS spent
        FROM $orders
        WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
        GROUP BY customer_id
    ) AS bought USING customer_id
)
GROUP BY channels
ORDER BY length(channels), channels
