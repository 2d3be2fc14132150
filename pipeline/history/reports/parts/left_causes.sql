-- The ids of the events that touched a cart last, before a rule that watches for carts left lying decided about it.
SELECT caused_by
FROM decisions
WHERE
    tenant = $tenant AND outcome IN ('fired', 'held_out')
    AND rule IN (SELECT rule FROM triggers WHERE tenant = $tenant AND kind = 'abandoned_cart')
