-- One row per visit: what a channel calls a session, and where it tells none, what a customer does in one channel
-- without silence of half an hour (as the customer's own state counts them, and Google Analytics 4). Its marketing
-- channel is that of its first event with a campaign. What happens to a customer (a parcel, a message that arrives) is
-- no visit. `visit_in_span` is 1 where something of it happened in the span, whenever it began.
--
-- One pass over the events, grouped by numbers: a customer is a hash, the same for two of ten million customers with a
-- chance of three in a million. Without a session, events of one half hour by the clock are of one visit for sure: they
-- come together first, and only those half hours are put in order. A visit has one word, what `$by` asks for (a channel
-- where it asks for campaigns): a second one costs a state a visit more.
(
    SELECT
        customer_hash,
        started_at_ms,
        ended_at_ms,
        visit_events,
        visit_orders,
        visit_in_span,
        visit_word AS visit_channel,
        visit_word AS visit_device,
        visit_word AS visit_country,
        lower(visit_link.2) AS link_source,
        lower(visit_link.3) AS link_medium,
        visit_link.4 AS visit_campaign,
        $link_site AS link_site,
        if(visit_link.5 != '', visit_link.5, $link_group) AS link_group,
        $channel_group AS visit_channel_group
    FROM
    (
        SELECT
            customer_hash,
            number,
            min(begun_ms) AS started_at_ms,
            max(ended_ms) AS ended_at_ms,
            sum(events_count) AS visit_events,
            length(arrayDistinct(groupArrayArray(order_keys))) AS visit_orders,
            max(spanned) AS visit_in_span,
            argMin(word, begun_ms) AS visit_word,
            arraySort(groupArrayArray(links))[1] AS visit_link
        FROM
        (
            SELECT
                customer_hash,
                line_hash,
                arraySort(groupArray(first_ms)) AS begins,
                arraySort(groupArray(last_ms)) AS ends,
                arraySort((each, at) -> at, groupArray(events_here), groupArray(first_ms)) AS counts,
                arraySort((each, at) -> at, groupArray(orders_here), groupArray(first_ms)) AS orders,
                arraySort((each, at) -> at, groupArray(spanned_here), groupArray(first_ms)) AS spans,
                arraySort((each, at) -> at, groupArray(first_word), groupArray(first_ms)) AS words,
                arraySort((each, at) -> at, groupArray(links_here), groupArray(first_ms)) AS all_links,
                arrayCumSum(
                    (begin, before) -> begin - before >= 1800000, begins, arrayPushFront(arrayPopBack(ends), begins[1])
                ) AS numbers
            FROM
            (
                SELECT
                    customer_hash,
                    line_hash,
                    half_hour,
                    min(at_ms) AS first_ms,
                    max(at_ms) AS last_ms,
                    count() AS events_here,
                    groupArrayIf(order_key, order_key != '') AS orders_here,
                    max(at_ms >= $from AND at_ms < $to) AS spanned_here,
                    argMin(word, at_ms * 1048576 + cityHash64(word) % 1048576) AS first_word, -- of one moment: by hash
                    groupArrayIf(link, has_link) AS links_here
                FROM
                (
                    SELECT
                        cityHash64(customer_id) AS customer_hash,
                        if(session_id = '', cityHash64(channel), cityHash64('session', session_id)) AS line_hash,
                        if(session_id = '', intDiv(occurred_at_ms, 1800000), toInt64(0)) AS half_hour,
                        occurred_at_ms AS at_ms,
                        if(event_type = 'order_completed', if(order_id = '', event_id, order_id), '') AS order_key,
                        toString(multiIf($by = 'device', device, $by = 'country', country, channel)) AS word,
                        $by IN ('campaign', 'channel_group')
                            AND (campaign_source != '' OR campaign_medium != '' OR campaign_name != '') AS has_link,
                        if(
                            has_link,
                            (
                                occurred_at_ms, toString(campaign_source), toString(campaign_medium),
                                toString(campaign_name), toString(channel_group)
                            ),
                            (toInt64(0), '', '', '', '')
                        ) AS link
                    FROM events
                    WHERE tenant = $tenant AND event_type NOT IN ($passive_types)
                )
                GROUP BY customer_hash, line_hash, half_hour
            )
            GROUP BY customer_hash, line_hash
        )
        ARRAY JOIN
            begins AS begun_ms, ends AS ended_ms, counts AS events_count, orders AS order_keys, spans AS spanned,
            words AS word, all_links AS links, numbers AS number
        GROUP BY customer_hash, line_hash, number
    )
)
