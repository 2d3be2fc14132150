-- What `channel_group` would say of a visit, for rows stored before there was that column: the rules of
-- `pipeline/domain/channel_groups.py`, in their order. Empty where the link said nothing.
multiIf(
    link_source = '' AND link_medium = '' AND visit_campaign = '', '',
    link_source = '(direct)' AND link_medium IN ('(none)', '(not set)'), 'Direct',
    match(lower(visit_campaign), 'cross-network'), 'Cross-network',
    link_site != '' AND match(link_medium, '^(.*cp.*|ppc|retargeting|paid.*)$$'), concat('Paid ', link_site),
    link_medium IN ('display', 'banner', 'expandable', 'interstitial', 'cpm'), 'Display',
    match(link_medium, '^(.*cp.*|ppc|retargeting|paid.*)$$'), 'Paid Other',
    link_site = 'Shopping', 'Organic Shopping',
    link_site = 'Social' OR match(link_medium, '^(social([- ](network|media))?|sm)$$'), 'Organic Social',
    link_site = 'Video' OR match(link_medium, 'video'), 'Organic Video',
    link_site = 'Search' OR link_medium = 'organic', 'Organic Search',
    link_medium IN ('referral', 'app', 'link'), 'Referral',
    match(link_source, '^e[-_ ]?mail$$') OR match(link_medium, '^e[-_ ]?mail$$'), 'Email',
    link_medium = 'affiliate', 'Affiliates',
    link_medium = 'audio', 'Audio',
    link_source = 'sms' OR link_medium = 'sms', 'SMS',
    match(link_medium, 'push$$|mobile|notification') OR link_source = 'firebase', 'Mobile Push Notifications',
    'Unassigned'
)
