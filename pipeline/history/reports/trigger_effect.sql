-- What the messages of each rule bring: buyers among who got one against who was held out, and whether that is chance.
--
-- Customers, not messages, are compared, each by the first time the rule fired for them or held them out: both have
-- been through the same gates, so they differ by the message alone. An outcome is a purchase within the window after;
-- who has not been watched that long yet is left out. `uplift` is the difference of the two shares, with its interval
-- (Newcombe 1998, method 10, from Wilson's intervals). `treated_needed` and `held_out_needed` are the customers still
-- to come until a difference of `detect` would be seen with the given confidence and power (Fleiss, Levin and Paik,
-- 2003, chapter 4, unequal groups as they are); a difference seen before that may be luck. Spend is per customer, with
-- the interval of Welch. Who was on both sides, for two customers became one, is only counted (`on_both_sides`).
--
-- $from time: messages from then on
-- $to time: before then
-- $tenant text = default: whose
-- $rule text: one rule (default: all)
-- $window duration = 7d: until when a purchase counts
-- $detect share = 0.02: the difference that matters to you: 0.02 is 2 buyers more of 100 customers
-- $confidence two_sided = 0.95: of the intervals
-- $power one_sided = 0.8: how surely a difference of `detect` is to be seen
-- $currency text: of the money (default: that of most orders)
--
-- chart: interval uplift uplift_low uplift_high by rule, against
SELECT
    rule,
    against,
    treated,
    treated_buyers,
    round(p, 4) AS treated_rate,
    held_out,
    held_out_buyers,
    round(q, 4) AS held_out_rate,
    if(known, round(p - q, 4), NULL) AS uplift,
    if(known, round(low, 4), NULL) AS uplift_low,
    if(known, round(high, 4), NULL) AS uplift_high,
    multiIf(
        held_out = 0, 'nobody is held out', treated = 0, 'nobody got one', low > 0, 'brings buyers',
        high < 0, 'costs buyers', treated_needed + held_out_needed > 0, 'too few to tell', 'no such difference'
    ) AS says,
    toUInt64(greatest(ceil(needed) - treated, 0)) AS treated_needed,
    toUInt64(greatest(ceil(needed * ratio) - held_out, 0)) AS held_out_needed,
    if(known, round(spend - held_out_spend), NULL) AS spend_uplift_minor,
    if(spread > 0, round(spend - held_out_spend - $z_confidence * spread), NULL) AS spend_uplift_low,
    if(spread > 0, round(spend - held_out_spend + $z_confidence * spread), NULL) AS spend_uplift_high,
    $main_currency AS currency,
    on_both_sides,
    toDateTime(intDiv(first_ms, 1000), 'UTC') AS since
FROM
(
    SELECT
        *,
        treated > 0 AND held_out > 0 AS known,
        treated_buyers / greatest(treated, 1) AS p,
        held_out_buyers / greatest(held_out, 1) AS q,
        pow($z_confidence, 2) AS zz,
        $z_confidence * sqrt(treated_buyers * (1 - p) + zz / 4) AS p_half,
        $z_confidence * sqrt(held_out_buyers * (1 - q) + zz / 4) AS q_half,
        (treated_buyers + zz / 2 - p_half) / (treated + zz) AS p_low,
        (treated_buyers + zz / 2 + p_half) / (treated + zz) AS p_high,
        (held_out_buyers + zz / 2 - q_half) / (held_out + zz) AS q_low,
        (held_out_buyers + zz / 2 + q_half) / (held_out + zz) AS q_high,
        p - q - sqrt(pow(p - p_low, 2) + pow(q_high - q, 2)) AS low,
        p - q + sqrt(pow(p_high - p, 2) + pow(q - q_low, 2)) AS high,
        if(known, held_out / treated, 1.) AS ratio,
        if(held_out > 0, (held_out_buyers + 1) / (held_out + 2), (treated_buyers + 1) / (treated + 2)) AS base,
        least(base + $detect, 1.) AS better,
        pow(($z_confidence + $z_power) / $detect, 2) * (better * (1 - better) + base * (1 - base) / ratio) AS needed,
        sqrt(variance / greatest(treated, 1) + held_out_variance / greatest(held_out, 1)) AS spread
    FROM
    (
        SELECT
            rule,
            against,
            countIf(side = 'treated') AS treated,
            countIf(side = 'treated' AND buyer) AS treated_buyers,
            sumIf(spent, side = 'treated') / greatest(treated, 1) AS spend,
            varSampIf(toFloat64(spent), side = 'treated') AS variance,
            countIf(side = against) AS held_out,
            countIf(side = against AND buyer) AS held_out_buyers,
            sumIf(spent, side = against) / greatest(held_out, 1) AS held_out_spend,
            varSampIf(toFloat64(spent), side = against) AS held_out_variance,
            countIf(side = 'both') AS on_both_sides,
            min(since_ms) AS first_ms
        FROM
        (
            SELECT
                rule,
                side,
                since_ms,
                arrayFilter(each -> each.1 >= since_ms AND each.1 < since_ms + $window, bought) AS since,
                notEmpty(since) AS buyer,
                arraySum(arrayMap(each -> if(each.4 = $main_currency, each.3, toInt64(0)), since)) AS spent
            FROM
            (
                SELECT rule, side, since_ms, bought
                FROM
                (
                    SELECT
                        rule,
                        customer_id,
                        min(decided_at_ms) AS since_ms,
                        multiIf(
                            max(outcome) != min(outcome), 'both',
                            any(outcome) = 'fired', 'treated',
                            argMin(reason, decided_at_ms)
                        ) AS side
                    FROM decisions
                    WHERE
                        tenant = $tenant AND outcome IN ('fired', 'held_out') AND ($rule = '' OR rule = $rule)
                        AND decided_at_ms >= $from AND decided_at_ms < $to
                    GROUP BY rule, customer_id
                    HAVING since_ms + $window <= (
                        SELECT max(least(occurred_at_ms, received_at_ms)) FROM events_log WHERE tenant = $tenant
                    )
                ) AS first_times
                ANY LEFT JOIN $bought_by_customer AS later USING customer_id
            )
        )
        ARRAY JOIN ['rule_holdout', 'global_holdout'] AS against
        GROUP BY rule, against
    )
    WHERE against = 'rule_holdout' OR held_out > 0
)
ORDER BY rule, against DESC
