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
    SELECT
        if(
            bought,
            told,
            arrayFilter(each -> each.1 >= $from AND each.1 < $to AND each.1 > ordered_at_ms, told)
        ) AS touches,
        ordered_at_ms, net_minor, order_money, bought
    FROM (SELECT touches AS told, ordered_at_ms, net_minor, order_money, bought FROM $paths)
)
WHERE notEmpty(touches) AND ordered_at_ms >= 0 -- named here too: 18.16 does not see that the lambda above needs it
GROUP BY touchpoints_
ORDER BY purchases DESC, lost DESC, path
LIMIT $limit
