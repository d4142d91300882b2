-- A repeatable: edited in place, it runs again after all versioned ones.
DROP VIEW IF EXISTS customer_orders;
CREATE VIEW customer_orders AS
SELECT u.id, u.name, count(o.id) AS orders, sum(order_total(o.id)) AS total
FROM users u
LEFT JOIN orders o ON o.user_id = u.id
GROUP BY u.id, u.name;
