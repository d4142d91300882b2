DELETE FROM users WHERE email = 'grace@test.example';
UPDATE users SET phone = NULL WHERE email LIKE '%@test.example';
