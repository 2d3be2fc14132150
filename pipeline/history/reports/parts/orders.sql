-- One row per order that was completed, told once or often, less what went back since: `net_minor` is what it was
-- worth, `lines` are (SKU, pieces, attributes) of what was not given back (one line for the rest of a SKU of which some
-- was), `kept` is 0 for a cancelled order and for one whose refunds come to all of it. A refund in another currency is
-- left out, as the customer's own state leaves it out: nobody told what it is worth in this one. All is as it was told
-- first: of two events of one moment (an order and its copy in another channel) the one with the lower hash, so that it
-- is the same one in whatever order rows are read.
(
    SELECT
        customer_id,
        if(order_id = '', event_id, order_id) AS order_key,
        countIf(event_type = 'order_completed') AS completed,
        minIf(occurred_at_ms, event_type = 'order_completed') AS ordered_at_ms,
        argMinIf(
            channel,
            occurred_at_ms * 1048576 + cityHash64(event_id) % 1048576 AS told_place,
            event_type = 'order_completed'
        ) AS order_channel,
        argMinIf(cart_id, told_place, event_type = 'order_completed') AS order_cart_id,
        argMinIf(ifNull(order_amount_minor, 0), told_place, event_type = 'order_completed') AS amount_minor,
        argMinIf(order_currency, told_place, event_type = 'order_completed') AS order_money,
        argMinIf(`items.sku`, told_place, event_type = 'order_completed') AS told_skus,
        argMinIf(`items.quantity`, told_place, event_type = 'order_completed') AS told_quantities,
        argMinIf(`items.attributes`, told_place, event_type = 'order_completed') AS told_attributes,
        groupArrayArrayIf(`items.sku`, event_type = 'order_refunded') AS back_skus,
        arrayMap(
            pieces -> toInt64(abs(pieces)), groupArrayArrayIf(`items.quantity`, event_type = 'order_refunded')
        ) AS back_quantities,
        arrayFilter(
            line -> line.2 > 0 OR line.2 = 0 AND NOT has(back_skus, line.1),
            arrayMap(
                (sku, pieces, said, nth) -> (
                    sku,
                    multiIf(
                        NOT has(back_skus, sku), pieces,
                        nth > 1, toInt64(0),
                        arraySum((each, had) -> if(each = sku, had, toInt64(0)), told_skus, told_quantities)
                            - arraySum((each, back) -> if(each = sku, back, toInt64(0)), back_skus, back_quantities)
                    ),
                    said
                ),
                told_skus, told_quantities, told_attributes, arrayEnumerateUniq(told_skus)
            )
        ) AS lines,
        max(event_type = 'order_cancelled' OR event_type = 'order_refunded' AND isNull(order_amount_minor)) AS undone,
        groupArrayIf(
            (toString(order_currency), toInt64(abs(ifNull(order_amount_minor, 0)))), event_type = 'order_refunded'
        ) AS refunds,
        arraySum(
            refund -> if(
                refund.1 = order_money OR refund.1 IN ('', 'XXX') OR order_money IN ('', 'XXX'), refund.2, toInt64(0)
            ),
            refunds
        ) AS refunded_minor,
        if(undone, 0, amount_minor - least(refunded_minor, amount_minor)) AS net_minor,
        NOT undone AND (refunded_minor = 0 OR refunded_minor < amount_minor) AS kept
    FROM order_events
    WHERE tenant = $tenant
    GROUP BY customer_id, order_key
    HAVING completed > 0
)
