CREATE FUNCTION order_total(wanted bigint) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    total numeric;
BEGIN
    SELECT sum(quantity * unit_price) INTO total FROM order_lines WHERE order_id = wanted;
    RETURN coalesce(total, 0); -- an order without lines costs nothing
END;
$$;
