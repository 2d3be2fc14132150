-- Who has become part of whom. A customer that was merged is a part of another from then on: `part_id` never changes,
-- and of what was said about it the greatest `moves` (how often it has changed hands) holds, in whatever order it was
-- told. What was written is never rewritten: the views look up here whose it is now.
CREATE TABLE IF NOT EXISTS customer_overrides_log
(
    tenant @word,
    part_id String,
    customer_id String,
    moves Int64,
    merge_id String,
    occurred_at_ms Int64
)
ENGINE = ReplacingMergeTree(moves)
ORDER BY (tenant, part_id)
@durable;

CREATE VIEW IF NOT EXISTS customer_overrides AS
SELECT *, @time(occurred_at_ms) AS occurred_at
FROM customer_overrides_log FINAL;

-- One row per event that has found its customer. Delivered again, or sent twice by its producer, it is still one row:
-- among rows of one (tenant, event_id) the one received first is kept, which is the greatest `precedence`.
-- `written_customer_id` is the customer it found, `part_id` the one it would have found had nothing been merged.
-- The key holds nothing that changes when the customer becomes known. There is no partition by time: a second
-- content under a used event id may lie in another month, and a filter on time would then show it.
CREATE TABLE IF NOT EXISTS events_log
(
    tenant @word,
    event_id String,
    event_type @word,
    channel @word,
    occurred_at_ms Int64,
    received_at_ms Int64,
    sent_at_ms Nullable(Int64),
    written_customer_id String,
    part_id String,
    identifiers Nested (kind String, value String),
    session_id String,
    store_id @word,
    order_id String,
    cart_id String,
    trigger_id String,
    items Nested (sku String, quantity Int64, unit_price_minor Int64, currency String, attributes String),
    items_total_minor Int64,
    order_amount_minor Nullable(Int64),
    order_currency @word,
    amount_minor Nullable(Int64),
    currency @word,
    device @word,
    locale @word,
    country @word,
    city @word,
    latitude Nullable(Float64),
    longitude Nullable(Float64),
    time_zone @word,
    weather @word,
    campaign_source @word,
    campaign_medium @word,
    campaign_name @word,
    campaign_content @word,
    campaign_term @word,
    consent Nested (purpose String, granted UInt8),
    properties String,
    digest UInt32,
    precedence Int64,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (tenant, event_id)
@durable;

CREATE VIEW IF NOT EXISTS events AS
SELECT
    events_log.*,
    if(owner_id = '', written_customer_id, owner_id) AS customer_id,
    @time(occurred_at_ms) AS occurred_at,
    @time(received_at_ms) AS received_at
FROM events_log FINAL
ANY LEFT JOIN
(
    SELECT tenant, part_id, customer_id AS owner_id FROM customer_overrides_log FINAL
) AS owners USING tenant, part_id;

-- Every content that came under an event id, in as few bytes as will do (the id as a hash): the same id with another
-- content must not vanish without a trace. `source` and `position` say where the other content is to be read.
CREATE TABLE IF NOT EXISTS event_contents_log
(
    event_hash UInt64,
    digest UInt32,
    precedence Int64,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (event_hash, digest)
@durable;

CREATE MATERIALIZED VIEW IF NOT EXISTS event_contents_feed TO event_contents_log AS
SELECT cityHash64(tenant, event_id) AS event_hash, digest, precedence, source, position
FROM events_log;

-- One row per content of an event id that has several. `kept` is 1 for the one that `events` shows, 0 for what came
-- later; customer, type and channel are those of the kept one.
CREATE VIEW IF NOT EXISTS event_conflicts AS
SELECT
    tenant, event_id, customer_id, event_type, channel, digest, kept, source, position, received_at_ms,
    @time(received_at_ms) AS received_at
FROM
(
    SELECT
        event_hash, digest, source, position,
        bitShiftRight(-precedence, 20) AS received_at_ms,
        (event_hash, precedence) IN (
            SELECT event_hash, max(precedence) FROM event_contents_log GROUP BY event_hash
            HAVING min(digest) != max(digest)
        ) AS kept
    FROM event_contents_log FINAL
    WHERE event_hash IN (
        SELECT event_hash FROM event_contents_log GROUP BY event_hash HAVING min(digest) != max(digest)
    )
) AS contents
ALL INNER JOIN
(
    SELECT cityHash64(tenant, event_id) AS event_hash, tenant, event_id, customer_id, event_type, channel
    FROM events
    WHERE cityHash64(tenant, event_id) IN (
        SELECT event_hash FROM event_contents_log GROUP BY event_hash HAVING min(digest) != max(digest)
    )
) AS shown USING event_hash;
