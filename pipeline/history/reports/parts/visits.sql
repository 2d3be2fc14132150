-- One row per visit: what a channel calls a session, and where it tells none, what a customer does in one channel
-- without silence of half an hour (as the customer's own state counts them, and Google Analytics 4). Its marketing
-- channel is that of its first event with a campaign. What happens to a customer (a parcel, a message that arrives) is
-- no visit.
(
    SELECT
        customer_id,
        visit_channel,
        started_at_ms,
        ended_at_ms,
        visit_events,
        visit_orders,
        visit_device,
        visit_country,
        visit_campaign,
        $link_site AS link_site,
        if(told_group != '', told_group, $link_group) AS link_group,
        $channel_group AS visit_group
    FROM
    (
        SELECT
            customer_id,
            visit_key,
            argMin(channel, at_ms) AS visit_channel,
            min(at_ms) AS started_at_ms,
            max(at_ms) AS ended_at_ms,
            count() AS visit_events,
            uniqExactIf(order_key, order_key != '') AS visit_orders,
            argMin(device, at_ms) AS visit_device,
            argMin(country, at_ms) AS visit_country,
            argMin(lower(source), place) AS link_source,
            argMin(lower(medium), place) AS link_medium,
            argMin(name, place) AS visit_campaign,
            argMin(channel_group, place) AS told_group
        FROM
        (
            SELECT
                customer_id,
                visit_key,
                channel,
                at_ms,
                order_key,
                device,
                country,
                source,
                medium,
                name,
                channel_group,
                if(source = '' AND medium = '' AND name = '', at_ms + 100000000000000, at_ms) AS place
            FROM
            (
                SELECT
                    customer_id,
                    concat('session ', session_id) AS visit_key,
                    channel,
                    occurred_at_ms AS at_ms,
                    if(event_type = 'order_completed', if(order_id = '', event_id, order_id), '') AS order_key,
                    device,
                    country,
                    campaign_source AS source,
                    campaign_medium AS medium,
                    campaign_name AS name,
                    channel_group
                FROM events
                WHERE tenant = $tenant AND session_id != '' AND event_type NOT IN ($passive_types)
                UNION ALL
                SELECT
                    customer_id,
                    concat(toString(number), ' ', channel) AS visit_key,
                    channel,
                    step.1 AS at_ms,
                    step.2 AS order_key,
                    step.3 AS device,
                    step.4 AS country,
                    step.5 AS source,
                    step.6 AS medium,
                    step.7 AS name,
                    step.8 AS channel_group
                FROM
                (
                    SELECT
                        customer_id,
                        channel,
                        arraySort(groupArray((
                            occurred_at_ms,
                            if(event_type = 'order_completed', if(order_id = '', event_id, order_id), ''),
                            device,
                            country,
                            campaign_source,
                            campaign_medium,
                            campaign_name,
                            channel_group
                        ))) AS steps,
                        arrayMap(each -> each.1, steps) AS times,
                        arrayCumSum(arrayMap(
                            (at, before) -> at - before >= 1800000,
                            times,
                            arrayPushFront(arrayPopBack(times), times[1])
                        )) AS numbers
                    FROM events
                    WHERE tenant = $tenant AND session_id = '' AND event_type NOT IN ($passive_types)
                    GROUP BY customer_id, channel
                )
                ARRAY JOIN steps AS step, numbers AS number
            )
        )
        GROUP BY customer_id, visit_key
    )
)
