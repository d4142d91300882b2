-- Enough rows for a query plan to mean something.
INSERT INTO orders (user_id, state, placed_at)
SELECT u.id, 'shipped', '2024-01-01 12:00+00'::timestamptz + n * interval '1 hour'
FROM users u
CROSS JOIN generate_series(1, 500) n
WHERE u.email LIKE '%@test.example';
