-- One row per order that was completed, told once or often, with what went back since: `net_minor` is what it was
-- worth, `skus`, `quantities` and `attributes` its lines as they were told first, `kept` is 0 for a cancelled order and for one whose refunds come to all of it.
(
    SELECT
        customer_id,
        if(order_id = '', event_id, order_id) AS order_key,
        countIf(event_type = 'order_completed') AS completed,
        minIf(occurred_at_ms, event_type = 'order_completed') AS ordered_at_ms,
        argMinIf(channel, occurred_at_ms, event_type = 'order_completed') AS order_channel,
        argMinIf(cart_id, occurred_at_ms, event_type = 'order_completed') AS order_cart_id,
        argMinIf(ifNull(order_amount_minor, 0), occurred_at_ms, event_type = 'order_completed') AS amount_minor,
        argMinIf(order_currency, occurred_at_ms, event_type = 'order_completed') AS order_money,
        argMinIf(`items.sku`, occurred_at_ms, event_type = 'order_completed') AS skus,
        argMinIf(`items.quantity`, occurred_at_ms, event_type = 'order_completed') AS quantities,
        argMinIf(`items.attributes`, occurred_at_ms, event_type = 'order_completed') AS attributes,
        max(event_type = 'order_cancelled' OR event_type = 'order_refunded' AND isNull(order_amount_minor)) AS undone,
        sumIf(abs(ifNull(order_amount_minor, 0)), event_type = 'order_refunded') AS refunded_minor,
        if(undone, 0, amount_minor - least(refunded_minor, amount_minor)) AS net_minor,
        NOT undone AND (refunded_minor = 0 OR refunded_minor < amount_minor) AS kept
    FROM events
    WHERE tenant = $tenant AND event_type IN ('order_completed', 'order_cancelled', 'order_refunded')
    GROUP BY customer_id, order_key
    HAVING completed > 0
)
