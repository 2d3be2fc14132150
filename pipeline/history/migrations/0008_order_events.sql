-- The events that make, cancel and refund orders, beside each other: three of a hundred events, which most reports ask
-- for. They read these instead of all; what that saves stands in pipeline/history/reports/README.md.
CREATE TABLE IF NOT EXISTS order_events_log
(
    tenant @word,
    event_id String,
    event_type @word,
    channel @word,
    occurred_at_ms Int64,
    written_customer_id String,
    part_id String,
    store_id @word,
    order_id String,
    cart_id String,
    items Nested (sku String, quantity Int64, unit_price_minor Int64, currency String, attributes String),
    order_amount_minor Nullable(Int64),
    order_currency @word,
    precedence Int64
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (tenant, event_id)
@durable;

CREATE MATERIALIZED VIEW IF NOT EXISTS order_events_feed TO order_events_log AS
SELECT
    tenant, event_id, event_type, channel, occurred_at_ms, written_customer_id, part_id, store_id, order_id, cart_id,
    `items.sku`, `items.quantity`, `items.unit_price_minor`, `items.currency`, `items.attributes`, order_amount_minor,
    order_currency, precedence
FROM events_log
WHERE event_type IN ('order_completed', 'order_cancelled', 'order_refunded');

INSERT INTO order_events_log
SELECT
    tenant, event_id, event_type, channel, occurred_at_ms, written_customer_id, part_id, store_id, order_id, cart_id,
    `items.sku`, `items.quantity`, `items.unit_price_minor`, `items.currency`, `items.attributes`, order_amount_minor,
    order_currency, precedence
FROM events_log
WHERE event_type IN ('order_completed', 'order_cancelled', 'order_refunded');

-- Under an id that an event of another type had used before, an order is not what `events` shows: the contents know
-- which row of an id is kept.
CREATE VIEW IF NOT EXISTS order_events AS
SELECT
    order_events_log.*,
    if(owner_id = '', written_customer_id, owner_id) AS customer_id,
    @time(occurred_at_ms) AS occurred_at
FROM order_events_log FINAL
ANY LEFT JOIN
(
    SELECT tenant, part_id, customer_id AS owner_id FROM customer_overrides_log FINAL
) AS owners USING tenant, part_id
WHERE (cityHash64(tenant, event_id), precedence) IN (
    SELECT event_hash, max(precedence) FROM event_contents_log
    WHERE event_hash IN (SELECT cityHash64(tenant, event_id) FROM order_events_log)
    GROUP BY event_hash
);
