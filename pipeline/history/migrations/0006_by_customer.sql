-- What happened to a customer, in the order in which it is asked for: one customer's timeline is a few blocks of one
-- file, where `events_log` and `decisions_log`, ordered by ids, have a block for each row. A row lies under its part
-- and, while another was the one it was written for, under that as well: whichever it belongs to today finds it.
-- What the logs have replaced since may still lie here: whoever asks holds against the log what is kept there
-- (`pipeline/history/one_customer.py`).
--
-- Measured on events of the benchmarks' shop: 23 bytes an event, and 5 microseconds of the database. Leaving out what
-- only the whole event tells saves 3 of the bytes and 3 of the microseconds; ids and times alone take 12 bytes and two
-- microseconds, but then each event is a block of `events_log` again, which is what took the time.
CREATE TABLE IF NOT EXISTS customer_events_log
(
    tenant @word,
    found_under String,
    part_id String,
    written_customer_id String,
    event_id String,
    event_type @word,
    channel @word,
    occurred_at_ms Int64,
    received_at_ms Int64,
    sent_at_ms Nullable(Int64),
    identifiers Nested (kind String, value String),
    session_id String,
    store_id @word,
    order_id String,
    cart_id String,
    trigger_id String,
    items Nested (sku String, quantity Int64, unit_price_minor Int64, currency String, attributes String),
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
    precedence Int64
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (tenant, found_under, occurred_at_ms, event_id)
@durable;

CREATE TABLE IF NOT EXISTS customer_decisions_log
(
    tenant @word,
    found_under String,
    written_customer_id String,
    decision_id String,
    rule @word,
    outcome @word,
    reason @word,
    trigger_id String,
    decided_at_ms Int64,
    rules_version @word,
    caused_by String
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, found_under, decided_at_ms, decision_id, outcome)
@durable;

ALTER TABLE customer_events_log
    MODIFY COLUMN IF EXISTS found_under String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS part_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS written_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS event_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS occurred_at_ms Int64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN IF EXISTS received_at_ms Int64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN IF EXISTS precedence Int64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN IF EXISTS session_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS order_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS cart_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS trigger_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS properties String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `identifiers.kind` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `identifiers.value` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.sku` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.quantity` Array(Int64) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.unit_price_minor` Array(Int64) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.currency` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.attributes` Array(String) CODEC(ZSTD(1));

ALTER TABLE customer_decisions_log
    MODIFY COLUMN IF EXISTS found_under String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS written_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS decision_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS trigger_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS caused_by String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS decided_at_ms Int64 CODEC(Delta, ZSTD(1));

-- The feeds first, then what is there already, and what is written twice is replaced. So nothing falls between but what
-- another process has begun to send before there is a feed and ends after its table was read.
CREATE MATERIALIZED VIEW IF NOT EXISTS customer_events_feed TO customer_events_log AS
SELECT
    tenant,
    arrayJoin(if(part_id = written_customer_id, [part_id], [part_id, written_customer_id])) AS found_under,
    part_id, written_customer_id, event_id, event_type, channel, occurred_at_ms, received_at_ms, sent_at_ms,
    `identifiers.kind`, `identifiers.value`, session_id, store_id, order_id, cart_id, trigger_id, `items.sku`,
    `items.quantity`, `items.unit_price_minor`, `items.currency`, `items.attributes`, amount_minor, currency, device,
    locale, country, city, latitude, longitude, time_zone, weather, campaign_source, campaign_medium, campaign_name,
    campaign_content, campaign_term, `consent.purpose`, `consent.granted`, properties, precedence
FROM events_log;

CREATE MATERIALIZED VIEW IF NOT EXISTS customer_decisions_feed TO customer_decisions_log AS
SELECT
    tenant, written_customer_id AS found_under, written_customer_id, decision_id, rule, outcome, reason, trigger_id,
    decided_at_ms, rules_version, caused_by
FROM decisions_log;

INSERT INTO customer_events_log
SELECT
    tenant,
    arrayJoin(if(part_id = written_customer_id, [part_id], [part_id, written_customer_id])) AS found_under,
    part_id, written_customer_id, event_id, event_type, channel, occurred_at_ms, received_at_ms, sent_at_ms,
    `identifiers.kind`, `identifiers.value`, session_id, store_id, order_id, cart_id, trigger_id, `items.sku`,
    `items.quantity`, `items.unit_price_minor`, `items.currency`, `items.attributes`, amount_minor, currency, device,
    locale, country, city, latitude, longitude, time_zone, weather, campaign_source, campaign_medium, campaign_name,
    campaign_content, campaign_term, `consent.purpose`, `consent.granted`, properties, precedence
FROM events_log;

INSERT INTO customer_decisions_log
SELECT
    tenant, written_customer_id AS found_under, written_customer_id, decision_id, rule, outcome, reason, trigger_id,
    decided_at_ms, rules_version, caused_by
FROM decisions_log;
