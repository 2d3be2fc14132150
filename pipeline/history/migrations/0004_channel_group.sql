-- Through which marketing channel a visit came, by source, medium and campaign (`pipeline/domain/channel_groups.py`).
-- Empty where its link said nothing, and in rows stored before the column was there. A view has the columns that its
-- table had when it was made, so it is made anew.
ALTER TABLE events_log ADD COLUMN IF NOT EXISTS channel_group @word;

DROP TABLE IF EXISTS events;

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
