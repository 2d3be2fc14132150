-- One row per order of the span that was kept, told once or often: its lines, as they were told first.
(
    SELECT customer_id, channel, skus, quantities, attributes
    FROM
    (
        SELECT
            customer_id,
            if(order_id = '', event_id, order_id) AS order_key,
            channel,
            `items.sku` AS skus,
            `items.quantity` AS quantities,
            `items.attributes` AS attributes
        FROM events
        WHERE
            tenant = $tenant AND event_type = 'order_completed'
            AND occurred_at_ms >= $from AND occurred_at_ms < $to
        ORDER BY occurred_at_ms, event_id
        LIMIT 1 BY customer_id, order_key
    )
    WHERE (customer_id, order_key) NOT IN (SELECT customer_id, order_key FROM $orders WHERE NOT kept)
)
