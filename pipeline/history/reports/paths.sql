-- Which ways customers take from touchpoint to touchpoint, and how often they end with a purchase.
--
-- `purchases` ended the path; `lost` are the customers who have taken it since their last purchase, or ever, and not
-- bought. Touchpoints one after the other are named once. The same touchpoints and window as in `touchpoints`.
--
-- $from time: purchases, and touchpoints not followed by one, from then on
-- $to time: before then
-- $tenant text = default: whose
-- $by channel_group|channel|campaign = channel_group: what a touchpoint is
-- $window duration = 30d: how long before a purchase a touchpoint counts
-- $currency text: of the revenue (default: that of most orders)
-- $limit number = 100: how many, those with most purchases first
--
-- chart: bar purchases by path
SELECT
    arrayMap(each -> each.2, arrayFilter(
        (each, before) -> each.2 != before.2,
        touches,
        arrayPushFront(arrayPopBack(touches), (toInt64(0), ' '))
    )) AS touchpoints_,
    arrayStringConcat(touchpoints_, ' > ') AS path,
    sum(bought) AS purchases,
    sum(NOT bought) AS lost,
    sumIf(net_minor, order_money = $main_currency) AS revenue_minor,
    $main_currency AS currency
FROM
(
    SELECT touches, ordered_at_ms AS last_ms, net_minor, order_money, 1 AS bought FROM $paths
    UNION ALL
    SELECT
        arrayFilter(each -> each.1 >= $from AND each.1 < $to AND each.1 > last_ms, visits) AS touches,
        last_ms,
        toInt64(0) AS net_minor, '' AS order_money, 0 AS bought
    FROM
    (
        SELECT visits, last_ms
        FROM $touches_by_customer AS touched
        ANY LEFT JOIN
        (
            SELECT customer_id, max(ordered_at_ms) AS last_ms FROM $orders GROUP BY customer_id
        ) AS bought USING customer_id
    )
)
WHERE notEmpty(touches) AND last_ms >= 0 -- named here too: 18.16 does not see that the lambda above needs it
GROUP BY touchpoints_
ORDER BY purchases DESC, lost DESC, path
LIMIT $limit
