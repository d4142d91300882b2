--- What the specs of backfills share.
local support = require "support"

local backfills = {}

--- SQL of a table t of 2000 rows whose writes are held until gate has let them through: for
-- what is to happen in the middle of a backfill.
backfills.GATED = [[
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

--- A script that is the one backfill b.
function backfills.script(options)
    return "-- luamig: no-transaction\ndb:backfill { 'b', " .. options .. " }\n"
end

--- How many rows the only backfill has behind it; 0 before it has begun.
function backfills.rows(s)
    return tonumber(s:sql("SELECT rows FROM luamig.applied_migrations_backfills")) or 0
end

--- Waits until it has so many.
function backfills.reaches(s, rows)
    support.eventually(function() return backfills.rows(s) >= rows end, rows .. " rows", 30)
end

--- What the history says of version 2's.
function backfills.totals(s)
    return s:sql("SELECT message FROM luamig.applied_migrations_history WHERE version = 2 AND outcome = 'done'")
end

return backfills
