-- One row per order that was kept: the distinct products or categories in it.
(
    SELECT arrayDistinct(arrayFilter(
        (name, quantity) -> name != '' AND quantity >= 0,
        if($by = 'category', arrayMap(each -> visitParamExtractString(each, 'category'), attributes), skus),
        quantities
    )) AS names
    FROM $orders
    WHERE kept AND ordered_at_ms >= $from AND ordered_at_ms < $to
)
