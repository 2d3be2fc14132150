-- How many visits there are, how long and how fruitful they are, by channel, marketing channel, device or country.
--
-- A visit is what a channel calls a session; where it tells none, what a customer does there without silence of half an
-- hour. `one_event` is the share of visits that ended as they began, `conversion` the share with an order, with the
-- limits between which the true share lies (Wilson's interval).
--
-- $from time: visits begun from then on
-- $to time: before then
-- $tenant text = default: whose
-- $by channel|channel_group|device|country|campaign = channel: rows
-- $confidence two_sided = 0.95: of the interval
--
-- chart: interval conversion low high by name
SELECT
    visit_${by_word} AS name,
    count() AS visits,
    uniqExact(customer_hash) AS customers,
    round(visits / customers, 2) AS visits_per_customer,
    round(avg(visit_events), 2) AS events_per_visit,
    round(quantileExact(0.5)(ended_at_ms - started_at_ms) / 1000) AS median_seconds,
    round(countIf(visit_events = 1) / visits, 4) AS one_event,
    sum(visit_orders) AS orders,
    countIf(visit_orders > 0) AS with_order,
    round(with_order / visits, 4) AS conversion,
    with_order + pow($z_confidence, 2) / 2 AS middle_,
    $z_confidence * sqrt(with_order * (visits - with_order) / visits + pow($z_confidence, 2) / 4) AS half_,
    round((middle_ - half_) / (visits + pow($z_confidence, 2)), 4) AS low,
    round((middle_ + half_) / (visits + pow($z_confidence, 2)), 4) AS high
FROM $visits
WHERE started_at_ms >= $from AND started_at_ms < $to
GROUP BY name
ORDER BY visits DESC, name
