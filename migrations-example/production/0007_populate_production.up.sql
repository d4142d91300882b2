-- The one account that a new installation needs: who answers for the shop's own orders.
-- test/ has a version 0007 of its own; the two are never selected together.
INSERT INTO users (email, name) VALUES ('orders@shop.example', 'The shop');
