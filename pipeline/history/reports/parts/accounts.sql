-- The account of each customer who has one, as of today: whoever it was told of may have become part of another since.
(
    SELECT if(now_id = '', told_id, now_id) AS customer_id, min(account) AS customer_account
    FROM
    (
        SELECT value AS account, argMax(customer_id, occurred_at_ms) AS told_id
        FROM identity_changes
        WHERE tenant = $tenant AND kind = 'account' AND change IN ('created', 'attached', 'moved')
        GROUP BY account
    ) AS told
    ANY LEFT JOIN
    (
        SELECT part_id AS told_id, customer_id AS now_id FROM customer_overrides WHERE tenant = $tenant
    ) AS owners USING told_id
    GROUP BY customer_id
)
