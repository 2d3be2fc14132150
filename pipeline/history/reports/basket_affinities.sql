-- What is bought together more often than chance would have it: products, or categories.
--
-- `baskets` have both, `support` is their share of all baskets, `confidence` the share of those with `a` that have `b`
-- too, `lift` how many times more often than if neither had to do with the other. Each pair is there twice, once from
-- either side. A basket is an order that was kept; how many pieces does not matter, and lines given back do not count.
--
-- $from time: orders from then on
-- $to time: orders before then
-- $tenant text = default: whose
-- $by sku|category = sku: what is bought
-- $min_baskets number = 10: rarer pairs are chance
-- $limit number = 1000: how many, the most baskets first
--
-- chart: bar lift by a, b
SELECT
    first AS a,
    second AS b,
    both AS baskets,
    round(both / everything, 6) AS support,
    round(both / first_baskets, 4) AS confidence,
    round(both * everything / (first_baskets * second_baskets), 4) AS lift
FROM
(
    SELECT
        second,
        pair.1 AS first,
        pair.2 AS both,
        pair.3 AS first_baskets,
        second_baskets,
        (SELECT toFloat64(count()) FROM $baskets) AS everything
    FROM
    (
        SELECT second, groupArray((first, both, first_baskets)) AS pairs, sumIf(both, first = second) AS second_baskets
        FROM
        (
            SELECT first, pair.1 AS second, pair.2 AS both, first_baskets
            FROM
            (
                SELECT first, groupArray((second, both)) AS pairs, sumIf(both, first = second) AS first_baskets
                FROM
                (
                    -- Each with itself too: that many baskets have it at all.
                    SELECT first, second, count() AS both
                    FROM (SELECT names, first FROM $baskets ARRAY JOIN names AS first)
                    ARRAY JOIN names AS second
                    GROUP BY first, second
                    HAVING both >= $min_baskets
                )
                GROUP BY first
            )
            ARRAY JOIN pairs AS pair
        )
        GROUP BY second
    )
    ARRAY JOIN pairs AS pair
)
WHERE first != second
ORDER BY baskets DESC, a, b
LIMIT $limit
