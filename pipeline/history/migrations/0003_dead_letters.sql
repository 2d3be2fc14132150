-- What was refused: where it lay, why, and its original bytes (`unhex` gives them back). `tenant` is
-- empty where the record could not be read that far. One record may hold many entries: `detail` tells them apart.
CREATE TABLE IF NOT EXISTS dead_letters_log
(
    tenant @word,
    topic @word,
    partition Int64,
    offset Int64,
    reason @word,
    detail String,
    appended_at_ms Int64,
    key_hex String,
    value_hex String,
    source @word,
    position Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, partition, offset, detail)
@durable;

CREATE VIEW IF NOT EXISTS dead_letters AS
SELECT *, @time(appended_at_ms) AS appended_at
FROM dead_letters_log FINAL;
