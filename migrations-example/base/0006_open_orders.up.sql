CREATE VIEW open_orders AS
SELECT o.id, u.email, o.placed_at, order_total(o.id) AS total
FROM orders o
JOIN users u ON u.id = o.user_id
WHERE o.state = 'open';

COMMENT ON VIEW open_orders IS 'What is to be paid, with the address to remind.';
