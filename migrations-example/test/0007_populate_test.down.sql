DELETE FROM orders USING users WHERE users.id = orders.user_id AND email LIKE '%@test.example';
DELETE FROM users WHERE email LIKE '%@test.example';
