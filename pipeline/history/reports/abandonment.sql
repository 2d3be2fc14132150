-- How many carts were left lying, by the rules that watch for it, how many came back, and what they were worth.
--
-- Of the carts that something was put into, `abandoned` are those that a rule of the kind abandoned_cart would have
-- reminded of: it did (`reminded`), or the customer was held out (`held_out`); `rate` is their share, with the limits
-- between which the true share lies (Wilson's interval). A cart is recovered by an order of its customer within the
-- window after, unless that names another cart. Many come back by themselves: `held_out_recovered` tells how many, and
-- `trigger_effect` whether the difference is chance. What a purchase overtook (a revoked reminder) is not abandoned.
-- The delay is the time from the last change of the cart until the reminder was due (median). Values are of reminded
-- carts.
--
-- $from time: decided, and carts touched, from then on
-- $to time: before then
-- $tenant text = default: whose
-- $window duration = 7d: until when an order recovers the cart
-- $currency text: of the money (default: that of most orders)
-- $confidence two_sided = 0.95: of the interval
--
-- chart: interval rate low high by rule
SELECT
    rule,
    rules_version,
    round(quantileExactIf(0.5)(due_ms - touched_ms, reminder) / 1000) AS delay_seconds,
    any(begun) AS carts,
    uniqExact(customer_id, cart) AS abandoned,
    round(abandoned / carts, 4) AS rate,
    abandoned + pow($z_confidence, 2) / 2 AS middle_,
    $z_confidence * sqrt(abandoned * (carts - abandoned) / carts + pow($z_confidence, 2) / 4) AS half_,
    round((middle_ - half_) / (carts + pow($z_confidence, 2)), 4) AS low,
    round((middle_ + half_) / (carts + pow($z_confidence, 2)), 4) AS high,
    uniqExactIf((customer_id, cart), reminder) AS reminded,
    uniqExactIf((customer_id, cart), reminder AND back) AS recovered,
    round(recovered / greatest(reminded, 1), 4) AS recovered_share,
    uniqExactIf((customer_id, cart), NOT reminder) AS held_out,
    uniqExactIf((customer_id, cart), NOT reminder AND back) AS held_out_recovered,
    sumIf(left_minor, reminder AND money = $main_currency) AS value_minor,
    sumIf(back_minor, reminder) AS recovered_minor,
    $main_currency AS currency,
    toDateTime(intDiv(max(decided_ms), 1000), 'UTC') AS last_at
FROM
(
    SELECT
        rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder,
        greatest((
            SELECT uniqExact(customer_id, cart_id)
            FROM events
            WHERE
                tenant = $tenant AND event_type IN ('product_added', 'cart_updated')
                AND occurred_at_ms >= $from AND occurred_at_ms < $to
        ), 1) AS begun,
        arraySlice(arraySort(arrayFilter(
            each -> each.1 >= decided_ms AND each.1 < decided_ms + $window
                AND (each.2 = '' OR cart = '' OR each.2 = cart),
            bought
        )), 1, 1) AS orders,
        notEmpty(orders) AS back,
        toInt64(arraySum(arrayMap(each -> if(each.4 = $main_currency, each.3, toInt64(0)), orders))) AS back_minor
    FROM
    (
        SELECT
            rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder, bought
        FROM
        (
            SELECT
                rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder
            FROM
            (
                SELECT
                    rule, rules_version, customer_id, caused_by, decided_ms, due_ms, left_minor, money, reminder
                FROM
                (
                    SELECT
                        rule, rules_version, customer_id, caused_by, trigger_id,
                        decided_at_ms AS decided_ms,
                        outcome = 'fired' AS reminder
                    FROM decisions
                    WHERE
                        tenant = $tenant AND outcome IN ('fired', 'held_out')
                        AND decided_at_ms >= $from AND decided_at_ms < $to
                        AND rule IN (SELECT rule FROM triggers WHERE tenant = $tenant AND kind = 'abandoned_cart')
                ) AS decided
                ANY LEFT JOIN
                (
                    SELECT
                        trigger_id,
                        any(visitParamExtractInt(context, 'amount_minor')) AS left_minor,
                        any(visitParamExtractString(context, 'currency')) AS money,
                        min(due_at_ms) AS due_ms,
                        max(status = 'revoked') AS revoked
                    FROM triggers
                    WHERE tenant = $tenant AND kind = 'abandoned_cart'
                    GROUP BY trigger_id
                ) AS sent USING trigger_id
                WHERE NOT revoked
            ) AS decided
            ANY LEFT JOIN
            (
                SELECT event_id AS caused_by, occurred_at_ms AS touched_ms, cart_id AS cart
                FROM events
                WHERE tenant = $tenant AND event_type IN (
                    'product_added', 'product_removed', 'cart_updated', 'checkout_started'
                )
                AND event_id IN (
                    SELECT caused_by FROM decisions_log WHERE tenant = $tenant AND outcome IN ('fired', 'held_out')
                )
            ) AS causes USING caused_by
        ) AS caused
        ANY LEFT JOIN $bought_by_customer AS later USING customer_id
    )
)
GROUP BY rule, rules_version
ORDER BY delay_seconds, rule, rules_version
