-- One row per customer: the kept orders as (when, cart, worth, currency, order).
(
    SELECT customer_id, groupArray((ordered_at_ms, order_cart_id, net_minor, order_money, order_key)) AS bought
    FROM $orders
    WHERE kept
    GROUP BY customer_id
)
