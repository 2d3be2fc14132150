-- Retention of the history, for ClickHouse 19.6 and later. Take the dashes away from what you want, with your own days.
-- It holds for rows already there, and takes effect with merges.
-- None for customer_overrides_log: without its row an old event would fall back to the customer it was written for.

-- ALTER TABLE events_log           MODIFY TTL toDateTime(intDiv(occurred_at_ms, 1000)) + INTERVAL 400 DAY;
-- ALTER TABLE triggers_log         MODIFY TTL toDateTime(intDiv(fired_at_ms, 1000)) + INTERVAL 400 DAY;
-- ALTER TABLE decisions_log        MODIFY TTL toDateTime(intDiv(decided_at_ms, 1000)) + INTERVAL 90 DAY;
-- ALTER TABLE identity_changes_log MODIFY TTL toDateTime(intDiv(occurred_at_ms, 1000)) + INTERVAL 400 DAY;
-- ALTER TABLE dead_letters_log     MODIFY TTL toDateTime(intDiv(appended_at_ms, 1000)) + INTERVAL 30 DAY;
-- ALTER TABLE event_contents_log   MODIFY TTL toDateTime(intDiv(bitShiftRight(-precedence, 20), 1000)) + INTERVAL 400 DAY;
