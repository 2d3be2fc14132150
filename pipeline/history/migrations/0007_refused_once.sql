-- What was refused is shown once. The log tells entries of one record apart by `detail`, which holds words of whoever
-- refused it: another version of a database or of the pipeline says it in others, and the entry, refused again when its
-- record is read again, was there twice. An entry is its bytes.
DROP TABLE IF EXISTS dead_letters;

CREATE VIEW IF NOT EXISTS dead_letters AS
SELECT *, @time(appended_at_ms) AS appended_at
FROM dead_letters_log FINAL
ORDER BY detail
LIMIT 1 BY topic, partition, offset, reason, value_hex;
