-- How many carts were left lying, by the rules that watch for it, how many came back, and what they were worth.
--
-- Of the carts that something was put into, `abandoned` are those that a rule of the kind abandoned_cart would have
-- reminded of: it did (`reminded`), or the customer was held out (`held_out`); `rate` is their share, with the limits
-- between which the true share lies (Wilson's interval). A cart is of the span in which it was touched, though it may be
-- reminded of after; one that was touched and left again counts once, with what it was worth last. A cart is recovered
-- by an order of its customer within the window after, unless that names another cart; the money of an order counts
-- once, though it may bring two carts back. Many come back by themselves: `held_out_recovered` tells how many, and
-- `trigger_effect` whether the difference is chance. What a purchase overtook, told in time or late, is not abandoned on
-- either side. The delay is the time from the last change of the cart until the reminder was due (median; none without a
-- reminder). Values are of reminded carts.
--
-- $from time: carts touched from then on
-- $to time: before then
-- $tenant text = default: whose
-- $window duration = 7d: until when an order recovers the cart
-- $currency text: of the money (default: that of most orders)
-- $confidence two_sided = 0.95: of the interval
--
-- chart: interval rate low high by rule, rules_version
SELECT
    rule,
    rules_version,
    if(reminded = 0, NULL, round(quantileExactIf(0.5)(waited_ms, reminder) / 1000)) AS delay_seconds,
    any(begun) AS carts,
    uniqExact(customer_id, cart) AS abandoned,
    round(abandoned / carts, 4) AS rate,
    abandoned + pow($z_confidence, 2) / 2 AS middle_,
    $z_confidence * sqrt(abandoned * (carts - abandoned) / carts + pow($z_confidence, 2) / 4) AS half_,
    round((middle_ - half_) / (carts + pow($z_confidence, 2)), 4) AS low,
    round((middle_ + half_) / (carts + pow($z_confidence, 2)), 4) AS high,
    countIf(reminder) AS reminded,
    countIf(reminder AND notEmpty(orders)) AS recovered,
    round(recovered / greatest(reminded, 1), 4) AS recovered_share,
    countIf(NOT reminder) AS held_out,
    countIf(NOT reminder AND notEmpty(orders)) AS held_out_recovered,
    sumIf(cart_minor, reminder) AS value_minor,
    arraySum(arrayMap(each -> each.2, arrayDistinct(groupArrayArrayIf(orders, reminder)))) AS recovered_minor,
    $main_currency AS currency,
    toDateTime(intDiv(max(last_ms), 1000), 'UTC') AS last_at
FROM
(
    SELECT
        rule, rules_version, customer_id, cart, reminder,
        (
            SELECT uniqExact(customer_id, cart_id)
            FROM events
            WHERE
                tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to
                AND (
                    event_type = 'product_added'
                    OR event_type = 'cart_updated' AND (notEmpty(`items.sku`) OR ifNull(amount_minor, 0) != 0)
                    OR event_id IN ($left_causes)
                )
        ) AS begun,
        max(decided_ms) AS last_ms,
        argMax(due_ms - touched_ms, decided_ms) AS waited_ms,
        argMax(if(money = $main_currency, left_minor, toInt64(0)), decided_ms) AS cart_minor,
        groupArrayArray(back) AS orders
    FROM
    (
        SELECT
            rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder,
            arrayFilter(each -> each.2 = '' OR cart = '' OR each.2 = cart, bought) AS theirs,
            arraySort(arrayFilter(each -> each.1 >= decided_ms AND each.1 < decided_ms + $window, theirs)) AS after,
            arrayMap(
                each -> (cityHash64(customer_id, each.5), if(each.4 = $main_currency, each.3, toInt64(0))),
                arraySlice(after, 1, 1)
            ) AS back
        FROM
        (
            SELECT
                rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder,
                bought
            FROM
            (
                SELECT
                    rule, rules_version, customer_id, cart, decided_ms, due_ms, touched_ms, left_minor, money, reminder
                FROM
                (
                    SELECT rule, rules_version, caused_by, decided_ms, due_ms, left_minor, money, reminder
                    FROM
                    (
                        SELECT
                            rule, rules_version, caused_by, trigger_id,
                            decided_at_ms AS decided_ms,
                            outcome = 'fired' AS reminder
                        FROM decisions
                        WHERE
                            tenant = $tenant AND outcome IN ('fired', 'held_out')
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
                ALL INNER JOIN
                (
                    SELECT event_id AS caused_by, customer_id, cart_id AS cart, occurred_at_ms AS touched_ms
                    FROM events
                    WHERE
                        tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to
                        AND event_id IN ($left_causes)
                ) AS causes USING caused_by
            ) AS caused
            ANY LEFT JOIN $bought_by_customer AS later USING customer_id
        )
        WHERE NOT arrayExists(each -> each.1 >= touched_ms AND each.1 < decided_ms, theirs)
    )
    GROUP BY rule, rules_version, customer_id, cart, reminder
)
GROUP BY rule, rules_version
ORDER BY delay_seconds, rule, rules_version
