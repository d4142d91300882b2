-- A repeatable: it is edited in place, and runs again after all versioned ones.
CREATE OR REPLACE FUNCTION order_report(since timestamptz)
RETURNS TABLE (customer text, orders bigint, total numeric)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT u.name, count(o.id), sum(order_total(o.id))
    FROM users u
    JOIN orders o ON o.user_id = u.id
    WHERE o.placed_at >= since
    GROUP BY u.name
    ORDER BY 3 DESC;
END;
$$;
