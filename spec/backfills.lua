--- SQL of a table t of 2000 rows whose writes are held until gate has let them through: for
-- what is to happen in the middle of a backfill.
return [[
CREATE TABLE t (id int PRIMARY KEY, x int NOT NULL DEFAULT 0, bad boolean NOT NULL DEFAULT false);
INSERT INTO t SELECT i FROM generate_series(1, 2000) i;
CREATE TABLE gate (upto int);
INSERT INTO gate VALUES (250);
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    WHILE NEW.id > (SELECT max(upto) FROM gate) LOOP PERFORM pg_sleep(0.02); END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION hold();
]]
