-- What the site that a visit came from is known for (Search, Social, Video, Shopping), by its whole name or by a part
-- of its host's but the last; empty for all others. A campaign named so is a shop's, wherever it was seen.
if(
    match(lower(visit_campaign), '([^a-df-z]|^)shop|shopping'),
    'Shopping',
    arrayFilter(kind -> kind != '', arrayMap(
        part -> transform(part, [$sites], [$site_kinds], ''),
        arrayPushFront(
            arrayPopBack(splitByChar('.', replaceRegexpOne(link_source, '^www[.]', ''))),
            replaceRegexpOne(link_source, '^www[.]', '')
        )
    ))[1]
)
