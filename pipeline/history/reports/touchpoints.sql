-- Which touchpoints the purchases are credited to, by the model of attribution you choose.
--
-- A touchpoint is a visit, an opened or followed message, an advertisement seen: by marketing channel, channel or
-- campaign. Each purchase is shared out over the touchpoints in the window before it: first, last, last_non_direct (the
-- last that was not typed in), linear (equally), position (40 % each to the first and the last, the rest equally),
-- time_decay (half as much for each half life before the purchase), shapley (equally to the touchpoints that took part,
-- however often: the Shapley value where a set of touchpoints is worth the purchases that needed no other; Zhao,
-- Mahboobi and Bagheri, 2018), markov (by how many purchases are lost without it, on the paths of the report `paths`;
-- Anderl et al., 2016; computed outside the database). `touches` and `customers` are of the span, bought or not,
-- `assisted` the purchases it was on the way to. An order without any touchpoint in the window is `(none)`.
--
-- $from time: purchases from then on
-- $to time: purchases before then
-- $tenant text = default: whose
-- $model first|last|last_non_direct|linear|position|time_decay|shapley|markov = last_non_direct: who gets the credit
-- $by channel_group|channel|campaign = channel_group: what a touchpoint is
-- $window duration = 30d: how long before a purchase a touchpoint counts
-- $half_life duration = 7d: of time_decay
-- $currency text: of the revenue (default: that of most orders)
--
-- chart: bar purchases by touchpoint
SELECT
    name AS touchpoint,
    sum(NOT bought) AS touches,
    uniqExactIf(customer_hash, NOT bought) AS customers,
    sum(bought AND place = indexOf(names, name)) AS assisted,
    round(sumIf(share, bought), 4) AS purchases,
    round(sumIf(share * revenue, bought)) AS revenue_minor,
    $main_currency AS currency
FROM
(
    SELECT
        customer_hash,
        bought,
        if(
            bought,
            if(empty(touches), [(ordered_at_ms, '(none)')], touches),
            arrayFilter(each -> each.1 >= $from AND each.1 < $to, touches)
        ) AS path,
        if(order_money = $main_currency, net_minor, 0) AS revenue,
        arrayMap(each -> each.2, path) AS names,
        length(path) AS many,
        path[many].1 AS latest_ms,
        indexOf(arrayReverse(arrayMap(each -> each.2 != 'Direct', path)), 1) AS from_end,
        arrayMap(
            (each, place) -> multiIf(
                $model = 'first', toFloat64(place = 1),
                $model = 'last', toFloat64(place = many),
                $model = 'last_non_direct', toFloat64(place = if(from_end = 0, toInt64(many), many - from_end + 1)),
                $model = 'position', multiIf(many <= 2, 1., place = 1 OR place = many, 0.4, 0.2 / (many - 2)),
                $model = 'time_decay', pow(2, (each.1 - latest_ms) / greatest($half_life, 1)),
                $model = 'shapley', 1. / arrayCount(other -> other = each.2, names),
                1.
            ),
            path,
            arrayEnumerate(path)
        ) AS weights,
        arraySum(weights) AS weight_sum,
        arrayMap(weight -> weight / weight_sum, weights) AS shares
    FROM $paths
)
ARRAY JOIN names AS name, shares AS share, arrayEnumerate(names) AS place
GROUP BY touchpoint
ORDER BY purchases DESC, touchpoint
