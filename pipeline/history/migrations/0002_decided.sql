-- What was sent, what was decided, how the identity graph changed. Their ids are deterministic: a row written again is
-- the same row.
CREATE TABLE IF NOT EXISTS triggers_log
(
    tenant @word,
    trigger_id String,
    status @word,
    rule @word,
    kind @word,
    rules_version @word,
    customer_id String,
    channel @word,
    address String,
    caused_by String,
    due_at_ms Int64,
    fired_at_ms Int64,
    expires_at_ms Nullable(Int64),
    items Nested (sku String, quantity Int64, unit_price_minor Int64, currency String, attributes String),
    offer_code String,
    offer_percent Nullable(Int64),
    offer_valid_until_ms Nullable(Int64),
    context String,
    content_variant @word,
    reason String,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, trigger_id, status)
@durable;

CREATE VIEW IF NOT EXISTS triggers AS
SELECT *, @time(due_at_ms) AS due_at, @time(fired_at_ms) AS fired_at
FROM triggers_log FINAL;

CREATE TABLE IF NOT EXISTS decisions_log
(
    tenant @word,
    decision_id String,
    customer_id String,
    rule @word,
    outcome @word,
    reason @word,
    trigger_id String,
    decided_at_ms Int64,
    rules_version @word,
    caused_by String,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, decision_id, outcome)
@durable;

CREATE VIEW IF NOT EXISTS decisions AS
SELECT *, @time(decided_at_ms) AS decided_at
FROM decisions_log FINAL;

CREATE TABLE IF NOT EXISTS identity_changes_log
(
    tenant @word,
    change_id String,
    change @word,
    customer_id String,
    kind @word,
    value String,
    reason @word,
    caused_by String,
    occurred_at_ms Int64,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, change_id)
@durable;

CREATE VIEW IF NOT EXISTS identity_changes AS
SELECT *, @time(occurred_at_ms) AS occurred_at
FROM identity_changes_log FINAL;
