DELETE FROM orders USING users
WHERE users.id = orders.user_id AND email LIKE '%@test.example' AND state = 'shipped';
