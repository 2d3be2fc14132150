-- The currency that sums are in: the one asked for, else the one of most orders (of two with as many the first in the
-- alphabet). Orders in others count, their money not.
if(
    $currency != '',
    $currency,
    ifNull((
        SELECT arraySort(groupArray((-orders, order_currency)))[1].2
        FROM
        (
            SELECT order_currency, toInt64(uniqExact(event_id)) AS orders
            FROM order_events_log
            WHERE tenant = $tenant AND event_type = 'order_completed' AND order_currency NOT IN ('', 'XXX')
            GROUP BY order_currency
        )
    ), '')
)
