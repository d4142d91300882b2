local support = require "support"

-- An application that writes the same rows meanwhile.
describe("a backfill beside an application", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    local CLIENTS = 4
    local ROUNDS = tonumber(os.getenv("LUAMIG_ROUNDS")) or 4 -- that it is killed; make faults: 20
    local ROWS = 5000 * ROUNDS

    -- Sessions that call app.work() until they are told; finish() says how often they did.
    local function application(setup)
        s:sql("CREATE TABLE going (yes int); CREATE TABLE made (n bigint); INSERT INTO going VALUES (1);" .. setup .. [[
CREATE PROCEDURE app() LANGUAGE plpgsql AS $$ DECLARE n bigint := 0; BEGIN
  WHILE EXISTS (SELECT FROM going) LOOP n := n + work(); COMMIT; END LOOP;
  INSERT INTO made VALUES (n); END $$;]])
        for i = 1, CLIENTS do s:session("app " .. i):send("CALL app();") end
        return function()
            s:sql("DELETE FROM going")
            support.eventually(function() return s:sql("SELECT count(*) FROM made") == tostring(CLIENTS) end,
                "the application's end", 30)
            return tonumber(s:sql("SELECT sum(n) FROM made"))
        end
    end

    it("overwrites nothing and misses nothing, also when it is killed and starts again", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, name text, hits int DEFAULT 0, x text, seen int DEFAULT 0) WITH (fillfactor = 70);
INSERT INTO t (id, name) SELECT i, 'n' || i FROM generate_series(1, ]] .. ROWS .. ") i")
        s:expect(0, "up")
        -- It writes both the old and the new column, as a program does that is deployed before.
        local finish = application([[
CREATE FUNCTION work() RETURNS int LANGUAGE plpgsql AS $$ DECLARE k int := 1 + random() * ]] .. ROWS - 1 .. [[; BEGIN
  IF random() < 0.05 THEN DELETE FROM t WHERE id = k; RETURN 0; END IF;
  IF random() < 0.05 THEN INSERT INTO t (id, name, x) VALUES (k + 1000000, 'new', 'x new') ON CONFLICT DO NOTHING;
    RETURN 0; END IF;
  UPDATE t SET hits = hits + 1, name = name || '!', x = 'x ' || name || '!' WHERE id = k;
  IF FOUND THEN INSERT INTO writes VALUES (k); RETURN 1; END IF; RETURN 0; END $$; CREATE TABLE writes (id int);]])
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[
db:backfill { "b", table = "t", read = { "name", "seen" }, set = { "x", "seen" }, size = 200,
  verify = "x IS DISTINCT FROM 'x ' || name",
  map = function(row) return { x = "x " .. row.name, seen = row.seen + 1 } end }]])
        local function done()
            return tonumber(s:sql("SELECT CASE WHEN to_regclass('luamig.applied_migrations_backfills') IS NULL"
                .. " THEN '0' ELSE (xpath('/row/r/text()', query_to_xml('SELECT coalesce(max(rows), 0) AS r"
                .. " FROM luamig.applied_migrations_backfills', false, true, '')))[1]::text END")) or 0
        end
        local killed = 0
        for _ = 1, ROUNDS do
            local before, run = done(), s:start("up")
            support.eventually(function()
                return run:err():find("luamig:", 1, true) or done() >= before + 500
            end, "some rows", 30)
            run:kill("KILL")
            if run:wait().status == 137 then killed = killed + 1 end
        end
        assert.is_true(killed >= ROUNDS / 2, killed .. " were killed")
        s:expect(0, "up")
        local writes = finish()
        assert.equal("0", s:sql("SELECT count(*) FROM t WHERE x IS DISTINCT FROM 'x ' || name"))
        assert.equal("t|t", s:sql("SELECT max(seen) <= 1, bool_and(seen = 1 OR id > 1000000) FROM t"))
        assert.equal(writes, tonumber(s:sql("SELECT count(*) FROM writes")))
        assert.equal("0", s:sql("SELECT count(*) FROM t JOIN (SELECT id, count(*) AS n FROM writes GROUP BY 1) w"
            .. " USING (id) WHERE hits <> n"))
    end)

    it("retries what was moved to another partition", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int, region int, x int, moves int DEFAULT 0, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE t0 PARTITION OF t FOR VALUES IN (0); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
INSERT INTO t SELECT i, i % 2, 0 FROM generate_series(1, 4000) i]])
        s:expect(0, "up")
        local finish = application([[
CREATE FUNCTION work() RETURNS int LANGUAGE plpgsql AS $$ DECLARE k int := 1 + random() * 3999; BEGIN
  UPDATE t SET region = 1 - region, moves = moves + 1 WHERE id = k; RETURN 1;
  EXCEPTION WHEN serialization_failure OR deadlock_detected THEN RETURN 0; END $$;]])
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[
db:backfill { "b", table = "t", read = "x", set = "x", size = 100, verify = "x = 0", again = true,
  map = function(row) return { x = 1 } end }]])
        local result = s:run("up")
        for _ = 1, 5 do -- a row that moved behind the cursor is what verify is for
            if result.status ~= 7 then break end
            assert.matches("is unverified", result.err, 1, true)
            result = s:run("up")
        end
        local moves = finish()
        if result.status == 7 then result = s:run("up") end
        assert.equal(0, result.status, result.err)
        assert.equal(moves .. "|4000|0", s:sql("SELECT sum(moves), count(*), count(*) FILTER (WHERE x = 0) FROM t"))
    end)
end)
