-- Numbers as people type them; one is none.
UPDATE users SET phone = '030 / 12 34-567' WHERE email = 'ada@test.example';
UPDATE users SET phone = '0049 (0)89 7654 321' WHERE email = 'konrad@test.example';
INSERT INTO users (email, name, phone) VALUES ('grace@test.example', 'Grace', 'call my office');
