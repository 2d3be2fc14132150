-- One row per order of which something was kept: the distinct products or categories in it.
(
    SELECT arrayDistinct(arrayFilter(
        name -> name != '',
        arrayMap(line -> if($by = 'category', visitParamExtractString(line.3, 'category'), line.1), lines)
    )) AS names
    FROM $orders
    WHERE kept AND notEmpty(lines) AND ordered_at_ms >= $from AND ordered_at_ms < $to
)
