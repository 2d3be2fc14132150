-- How fresh the history is: when each channel was last heard of, and how long its events take to arrive.
--
-- `silent_seconds` is the time since the newest event was received; delays run from when something happened until it
-- was received, over the last `recent` of each channel.
--
-- $now time = now: seen from when
-- $tenant text = default: whose
-- $recent duration = 1d: over which delays are looked at
--
-- chart: bar silent_seconds by channel
SELECT
    channel,
    count() AS events,
    toDateTime(intDiv(max(occurred_at_ms), 1000), 'UTC') AS last_event_at,
    toDateTime(intDiv(max(received_at_ms), 1000), 'UTC') AS last_received_at,
    round(($now - max(received_at_ms)) / 1000, 1) AS silent_seconds,
    countIf(received_at_ms >= $now - $recent) AS recent_events,
    round(quantileIf(0.5)(received_at_ms - occurred_at_ms, received_at_ms >= $now - $recent) / 1000, 3)
        AS delay_median_seconds,
    round(quantileIf(0.99)(received_at_ms - occurred_at_ms, received_at_ms >= $now - $recent) / 1000, 3)
        AS delay_p99_seconds
FROM events
WHERE tenant = $tenant AND received_at_ms < $now
GROUP BY channel
ORDER BY silent_seconds DESC, channel
