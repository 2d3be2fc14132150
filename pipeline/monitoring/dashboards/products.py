"""What is looked at, bought, given back, and bought together."""

from __future__ import annotations

from pipeline.monitoring.panels import HAPPENED, ORDERED, Dashboard, Query, bars, lines, report_table, sql, table


def of_orders(columns: str, where: str = "") -> Query:
    """Ask for a number per day and `name`, both named in `columns`, of orders as reports count them."""
    return sql(f"""
        SELECT toDateTime(toStartOfDay(toDateTime(intDiv(ordered_at_ms, 1000), 'UTC'))) AS time, {columns}
        FROM $orders
        WHERE {ORDERED}{where}
        GROUP BY time, name ORDER BY time, name
    """)


PRODUCTS = Dashboard(
    "omni-products",
    "Products",
    "Views, carts, orders and refunds by SKU. Amounts are in minor units (cents) of their currency.",
    "30d",
    (
        lines(
            "Orders per day",
            "By channel; an order told twice counts once.",
            of_orders("order_channel AS name, count() AS orders"),
        ),
        lines(
            "Revenue per day",
            "Of the orders of each day less what was refunded or cancelled since, in minor units, by currency.",
            of_orders("order_money AS name, sum(net_minor) AS revenue_minor", " AND order_money != ''"),
        ),
        table(
            "From view to order",
            "Customers that viewed a product, put it into a cart, and bought it; what was cancelled, refunded or given "
            "back is not bought.",
            sql(f"""
                SELECT
                    sku,
                    uniqExactIf(customer_id, event_type = 'product_viewed') AS viewed,
                    uniqExactIf(customer_id, event_type = 'product_added') AS carted,
                    uniqExactIf(customer_id, event_type = 'order_completed') AS bought,
                    sumIf(quantity, event_type = 'order_completed') AS pieces
                FROM
                (
                    SELECT customer_id, event_type, items.sku AS skus, items.quantity AS quantities
                    FROM events
                    WHERE event_type IN ('product_viewed', 'product_added') AND {HAPPENED}
                    UNION ALL
                    SELECT
                        customer_id,
                        'order_completed' AS event_type,
                        arrayMap(line -> line.1, lines) AS skus,
                        arrayMap(line -> line.2, lines) AS quantities
                    FROM $orders
                    WHERE kept AND {ORDERED}
                ) AS told
                ARRAY JOIN skus AS sku, quantities AS quantity
                GROUP BY sku ORDER BY bought DESC, carted DESC, viewed DESC, sku LIMIT 50
            """),
            width=24,
        ),
        report_table("Bought together", "basket_affinities", min_baskets="5", limit="100"),
        report_table("Funnel", "funnel"),
        bars(
            "Given back",
            "Refunded pieces by SKU.",
            sql(f"""
                SELECT sku, sum(quantity) AS pieces
                FROM
                (
                    SELECT items.sku AS skus, items.quantity AS quantities
                    FROM events WHERE event_type = 'order_refunded' AND {HAPPENED}
                ) AS told
                ARRAY JOIN skus AS sku, quantities AS quantity
                GROUP BY sku ORDER BY pieces DESC, sku LIMIT 20
            """),
        ),
        table(
            "Named in triggers",
            "Products that messages were about.",
            sql("""
                SELECT rule, sku, count() AS triggers
                FROM
                (
                    SELECT rule, items.sku AS skus
                    FROM triggers
                    WHERE status = 'fired' AND tenant = ${tenant:sqlstring} AND $__timeFilter(fired_at)
                ) AS told
                ARRAY JOIN skus AS sku
                GROUP BY rule, sku ORDER BY triggers DESC, rule, sku LIMIT 50
            """),
            width=24,
        ),
    ),
)
