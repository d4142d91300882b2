-- People and orders to try the shop with; never in production.
INSERT INTO users (email, name) VALUES
    ('ada@test.example', 'Ada'),
    ('konrad@test.example', 'Konrad');

WITH new_orders AS (
    INSERT INTO orders (user_id)
    SELECT id FROM users WHERE email LIKE '%@test.example'
    RETURNING id
)
INSERT INTO order_lines (order_id, line, product, quantity, unit_price)
SELECT id, 1, 'punched cards', 200, 0.05 FROM new_orders;
