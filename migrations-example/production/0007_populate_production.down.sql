DELETE FROM users WHERE lower(email) = 'orders@shop.example';
