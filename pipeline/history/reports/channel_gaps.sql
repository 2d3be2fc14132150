-- Which products sell in one channel and not in another: views, sales and rate per channel, and whether that is chance.
--
-- The rate is the share of customers who bought the product in a channel, of those who looked at, took up, tried on or
-- bought it there, with Wilson's interval. A gap is where even the upper limit of a channel is below the lower limit of
-- the best one; `missed` is how many buyers more it would have had at that lower limit. Among hundreds of products a
-- few gaps are chance all the same: raise the confidence for a long list. What was cancelled, refunded or given back is
-- no purchase.
--
-- $from time: what happened from then on
-- $to time: before then
-- $tenant text = default: whose
-- $min_viewers number = 30: with fewer in a channel nothing is said of it
-- $show all|gaps = all: all channels, or only those with a gap
-- $limit number = 200: how many, the most missed first
-- $confidence two_sided = 0.95: of the intervals
--
-- chart: bar missed by sku, channel
SELECT
    sku, channel, views, viewers, buyers, sales, rate, low, high,
    if(gap, best.2, '') AS better_channel,
    if(gap, best.3, NULL) AS better_rate,
    gap,
    if(gap, round(viewers * best.1 - buyers, 1), 0) AS missed
FROM
(
    SELECT sku, rows, arrayReverseSort(arrayMap(row -> (row.7, row.1, row.6), rows))[1] AS best
    FROM
    (
        SELECT sku, groupArray((channel, views, viewers, buyers, sales, rate, low, high)) AS rows
        FROM
        (
            SELECT
                sku,
                channel,
                countIf(NOT bought) AS views,
                uniqExact(customer_hash) AS viewers,
                uniqExactIf(customer_hash, bought) AS buyers,
                sumIf(quantity, bought) AS sales,
                round(buyers / viewers, 4) AS rate,
                buyers + pow($z_confidence, 2) / 2 AS middle,
                $z_confidence * sqrt(buyers * (viewers - buyers) / viewers + pow($z_confidence, 2) / 4) AS half,
                round((middle - half) / (viewers + pow($z_confidence, 2)), 4) AS low,
                round((middle + half) / (viewers + pow($z_confidence, 2)), 4) AS high
            FROM
            (
                SELECT
                    cityHash64(customer_id) AS customer_hash,
                    channel,
                    0 AS bought,
                    `items.sku` AS skus,
                    `items.quantity` AS quantities
                FROM events
                WHERE
                    tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to
                    AND event_type IN (
                        'product_viewed', 'product_clicked', 'shelf_item_picked', 'item_tried_on', 'barcode_scanned'
                    )
                UNION ALL
                SELECT
                    cityHash64(customer_id) AS customer_hash,
                    order_channel AS channel,
                    1 AS bought,
                    arrayMap(line -> line.1, lines) AS skus,
                    arrayMap(line -> line.2, lines) AS quantities
                FROM $orders
                WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
            )
            ARRAY JOIN skus AS sku, quantities AS quantity
            GROUP BY sku, channel
            HAVING viewers >= $min_viewers
        )
        GROUP BY sku
    )
)
ARRAY JOIN
    arrayMap(row -> row.1, rows) AS channel, arrayMap(row -> row.2, rows) AS views,
    arrayMap(row -> row.3, rows) AS viewers, arrayMap(row -> row.4, rows) AS buyers,
    arrayMap(row -> row.5, rows) AS sales, arrayMap(row -> row.6, rows) AS rate,
    arrayMap(row -> row.7, rows) AS low, arrayMap(row -> row.8, rows) AS high,
    arrayMap(row -> row.8 < best.1, rows) AS gap
WHERE gap OR $show = 'all'
ORDER BY missed DESC, viewers DESC, sku, channel
LIMIT $limit
