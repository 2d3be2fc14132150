-- What customers think of each touchpoint: their opinions and scores, the worst first.
--
-- Scores of every scale (score 0 to 1, nps 0 to 10, csat, stars and rating 1 to 5) are brought to 0 (bad) to 1 (good),
-- as the customer's own state has them. `bad` is the share below 0.4: one or two stars. The interval of the mean is the
-- normal one; below some 30 answers take it as a hint. The touchpoint is the property of that name, else the event
-- type.
--
-- $from time: opinions from then on
-- $to time: before then
-- $tenant text = default: whose
-- $confidence two_sided = 0.95: of the interval
--
-- chart: interval score low high by touchpoint, channel
SELECT
    touchpoint,
    channel,
    count() AS answers,
    uniqExact(customer_id) AS customers,
    round(avg(said), 4) AS score,
    if(answers > 1, round(greatest(avg(said) - $z_confidence * sqrt(varSamp(said) / answers), 0), 4), NULL) AS low,
    if(answers > 1, round(least(avg(said) + $z_confidence * sqrt(varSamp(said) / answers), 1), 4), NULL) AS high,
    round(countIf(said < 0.4) / answers, 4) AS bad
FROM
(
    SELECT
        customer_id,
        channel,
        if(visitParamHas(properties, 'touchpoint'), visitParamExtractString(properties, 'touchpoint'), event_type)
            AS touchpoint,
        $feedback_score AS said
    FROM events
    WHERE
        tenant = $tenant AND event_type IN ('feedback_given', 'product_reviewed')
        AND occurred_at_ms >= $from AND occurred_at_ms < $to
)
WHERE said >= 0
GROUP BY touchpoint, channel
ORDER BY score, touchpoint, channel
