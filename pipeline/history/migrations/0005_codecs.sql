-- Measured on 300,000 events of the benchmarks' shop: 51 bytes each instead of 103. Ids and texts of their own take less
-- than half with ZSTD, times and positions an eighth as differences; digests are chance and stay as they are. Storing
-- takes no longer, reading all customer ids 0.05 s instead of 0.03. What is stored already follows with merges.
ALTER TABLE events_log
    MODIFY COLUMN IF EXISTS event_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS written_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS part_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS session_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS order_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS cart_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS trigger_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS properties String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `identifiers.kind` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `identifiers.value` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.sku` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.unit_price_minor` Array(Int64) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.currency` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS `items.attributes` Array(String) CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS items_total_minor Int64 CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS occurred_at_ms Int64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN IF EXISTS received_at_ms Int64 CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN IF EXISTS position Int64 CODEC(Delta, ZSTD(1));

ALTER TABLE triggers_log
    MODIFY COLUMN IF EXISTS trigger_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS written_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS address String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS caused_by String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS context String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS reason String CODEC(ZSTD(1));

ALTER TABLE decisions_log
    MODIFY COLUMN IF EXISTS decision_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS written_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS trigger_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS caused_by String CODEC(ZSTD(1));

ALTER TABLE identity_changes_log
    MODIFY COLUMN IF EXISTS change_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS other_customer_id String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS value String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS caused_by String CODEC(ZSTD(1));

ALTER TABLE dead_letters_log
    MODIFY COLUMN IF EXISTS detail String CODEC(ZSTD(1)),
    MODIFY COLUMN IF EXISTS value_hex String CODEC(ZSTD(1));
