-- What is wrong with the events of each channel: missing, unknown, late, from the future, refused.
--
-- `rows` of the `of` looked at. Refused records stand under the topic they were in, also those whose tenant could not
-- be read; event ids that came with several contents under their channel.
--
-- $from time: what happened, or was refused, from then on
-- $to time: before then
-- $tenant text = default: whose
--
-- chart: bar rows by check, channel
SELECT channel, check, rows, of, round(rows / greatest(of, 1), 6) AS share
FROM
(
    SELECT channel, check, rows, of
    FROM
    (
        SELECT
            channel,
            count() AS of,
            [
                countIf(event_type NOT IN ($known_types)),
                countIf(NOT hasAny(`identifiers.kind`, ['account', 'loyalty', 'email', 'phone'])),
                countIf(session_id = '' AND channel IN ('web', 'app')),
                countIf(received_at_ms - occurred_at_ms > 86400000),
                countIf(occurred_at_ms - received_at_ms > 300000),
                countIf(event_type = 'order_completed' AND order_id = ''),
                countIf(event_type = 'order_completed' AND ifNull(order_amount_minor, 0) = 0),
                countIf(event_type = 'order_completed' AND order_currency IN ('', 'XXX')),
                countIf(event_type IN ('product_viewed', 'product_added', 'order_completed') AND empty(`items.sku`))
            ] AS counts
        FROM events
        WHERE tenant = $tenant AND occurred_at_ms >= $from AND occurred_at_ms < $to
        GROUP BY channel
    )
    ARRAY JOIN
        counts AS rows,
        [
            'unknown event type', 'anonymous', 'no session', 'came more than a day late', 'from the future',
            'order without an id', 'order worth nothing', 'order without a currency', 'no products'
        ] AS check
    UNION ALL
    SELECT channel, 'several contents under one id' AS check, uniqExact(event_id) AS rows, toUInt64(0) AS of
    FROM event_conflicts
    WHERE tenant = $tenant AND received_at_ms >= $from AND received_at_ms < $to
    GROUP BY channel
    UNION ALL
    SELECT topic AS channel, concat('refused: ', reason) AS check, count() AS rows, toUInt64(0) AS of
    FROM dead_letters
    WHERE tenant IN ('', $tenant) AND appended_at_ms >= $from AND appended_at_ms < $to
    GROUP BY topic, reason
)
WHERE rows > 0
ORDER BY rows DESC, channel, check
