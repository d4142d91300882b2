-- Without a lock on the table; so it runs outside a transaction, and luamig says so.
CREATE INDEX CONCURRENTLY orders_by_user ON orders (user_id, placed_at);
