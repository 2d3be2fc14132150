-- One row per order of the span, with the touchpoints in the window before it, the earliest first.
(
    SELECT
        customer_id,
        ordered_at_ms,
        net_minor,
        order_money,
        arrayFilter(each -> each.1 <= ordered_at_ms AND each.1 > ordered_at_ms - $window, visits) AS touches
    FROM
    (
        SELECT customer_id, ordered_at_ms, net_minor, order_money, visits
        FROM
        (
            SELECT customer_id, ordered_at_ms, net_minor, order_money
            FROM $orders
            WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
        ) AS bought
        ALL LEFT JOIN $touches_by_customer AS touched USING customer_id
    )
)
