-- The marketing channel of a visit: its own channel where that says it, else what its link says, else Direct.
multiIf(
    visit_channel IN ('pos', 'store_sensor', 'kiosk'), 'Store',
    visit_channel = 'call_center', 'Call Center',
    visit_channel IN ('chat', 'voice', 'delivery'),
    concat(upper(substring(visit_channel, 1, 1)), substring(visit_channel, 2)),
    visit_channel = 'email', 'Email',
    visit_channel = 'sms', 'SMS',
    visit_channel = 'push', 'Mobile Push Notifications',
    link_group != '', link_group,
    visit_channel = 'social', 'Organic Social',
    visit_channel = 'ads', 'Display',
    'Direct'
)
