-- What was sent, what was decided, how the identity graph changed. Their ids are deterministic: a row written again is
-- the same row. The views show the customer that the one written (`written_customer_id`) is part of now.
CREATE TABLE IF NOT EXISTS triggers_log
(
    tenant @word,
    trigger_id String,
    status @word,
    rule @word,
    kind @word,
    rules_version @word,
    written_customer_id String,
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
SELECT
    triggers_log.*,
    if(owner_id = '', written_customer_id, owner_id) AS customer_id,
    @time(due_at_ms) AS due_at,
    @time(fired_at_ms) AS fired_at
FROM triggers_log FINAL
ANY LEFT JOIN
(
    SELECT tenant, part_id AS written_customer_id, customer_id AS owner_id FROM customer_overrides_log FINAL
) AS owners USING tenant, written_customer_id;

CREATE TABLE IF NOT EXISTS decisions_log
(
    tenant @word,
    decision_id String,
    written_customer_id String,
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
SELECT
    decisions_log.*,
    if(owner_id = '', written_customer_id, owner_id) AS customer_id,
    @time(decided_at_ms) AS decided_at
FROM decisions_log FINAL
ANY LEFT JOIN
(
    SELECT tenant, part_id AS written_customer_id, customer_id AS owner_id FROM customer_overrides_log FINAL
) AS owners USING tenant, written_customer_id;

CREATE TABLE IF NOT EXISTS identity_changes_log
(
    tenant @word,
    change_id String,
    change @word,
    customer_id String,
    other_customer_id String,
    kind @word,
    value String,
    reason @word,
    merge_id String,
    parts Nested (part_id String, moves Int64),
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

-- A row per part that changed hands: after a merge it is the winner's, after the undoing of one the loser's again.
CREATE MATERIALIZED VIEW IF NOT EXISTS customer_overrides_feed TO customer_overrides_log AS
SELECT
    tenant,
    parts.part_id AS part_id,
    if(change = 'unmerged', other_customer_id, customer_id) AS customer_id,
    parts.moves AS moves,
    merge_id,
    occurred_at_ms
FROM identity_changes_log
ARRAY JOIN parts;
