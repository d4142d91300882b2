local backfills = require "backfills"
local support = require "support"

local backfill = backfills.script

describe("rows of a backfill that fail:", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, name text, x int DEFAULT 0 CHECK (x < 1000));"
            .. " INSERT INTO t SELECT i, i FROM generate_series(1, 400) i")
    end)
    after_each(support.cleanup)

    local function state()
        return s:sql("SELECT status, rows, written, errors FROM luamig.applied_migrations_backfills")
    end

    local function errors()
        return s:sql("SELECT key, sqlstate, message FROM luamig.applied_migrations_backfill_errors ORDER BY key")
    end

    it("what the server refuses is found and named, everything before it is written", function()
        s:file("2_b.up.lua", backfill [[table = "t", read = "name", set = "x", size = 400, target = "0",
  map = function(row) return { x = row.id == 277 and 5000 or 1 } end]])
        local err = s:expect(7, "up").err
        assert.matches('violates check constraint "t_x_check"', err, 1, true)
        assert.matches("row id = 277 of 't'", err, 1, true)
        assert.equal("276|276", s:sql("SELECT sum(x), max(id) FROM t WHERE x = 1"))
        assert.equal("failed|276|276|0", state())
    end)

    it("up to `errors` rows go to the table and the rest goes on, whatever their fault", function()
        s:file("2_b.up.lua", backfill [[table = "t", read = "name", set = "x", size = 150, target = "0", errors = 4,
  map = function(row)
    if row.id == 10 then error "cannot be" end
    if row.id == 20 then return { y = 1 } end
    if row.id == 300 or row.id == 301 then return { x = 5000 } end
    return { x = 1 }
  end]] .. "error 'stop before it is recorded'")
        s:expect(7, "up")
        assert.equal("396|1", s:sql("SELECT sum(x), max(x) FROM t"))
        assert.equal("done|400|396|4", state())
        assert.equal("[10]||cannot be\n[20]||map returned no 'x': write null for NULL, or return nil to leave the row"
            .. " as it is\n[300]|23514|new row for relation \"t\" violates check constraint \"t_x_check\""
            .. "\n[301]|23514|new row for relation \"t\" violates check constraint \"t_x_check\"", errors())
    end)

    it("one more than `errors` ends it, and says which", function()
        s:file("2_b.up.lua", backfill [[table = "t", set = "x", size = 100, target = "0", errors = 1,
  map = function(row)
    if row.id % 150 == 0 then error("bad " .. row.id) end return { x = 1 } end]])
        local err = s:expect(7, "up").err
        assert.matches("bad 300", err, 1, true)
        assert.matches("row id = 300 of 't'", err, 1, true)
        assert.equal("298", s:sql("SELECT sum(x) FROM t"))
        assert.equal("[150]||bad 150", errors())
    end)

    it("each and sql are bisected too; map's errors name their line", function()
        s:file("2_b.up.lua", backfill [[table = "t", errors = 2, size = 100, target = "0", each = function(batch)
    for _, row in ipairs(batch.rows) do
      db:exec("UPDATE t SET x = x + CASE id WHEN 33 THEN 5000 ELSE 1 END WHERE id = $1", row.id)
    end end]] .. "db:backfill { 'c', table = 't', errors = 1, size = 100, target = '0',"
            .. " sql = 'UPDATE t SET x = x + CASE id WHEN 77 THEN 5000 ELSE 1 END WHERE {range}' }")
        s:expect(0, "up")
        assert.equal("33|1\n77|1", s:sql("SELECT id, x FROM t WHERE x <> 2 ORDER BY id"))
        assert.equal("backfill b: 400 rows, 399 written, 1 errors; backfill c: 400 rows, 399 written, 1 errors",
            backfills.totals(s))
        assert.equal("", errors())
        s:file("3_c.up.lua", backfill "table = 't', set = 'x',\n map = function(row)\n return { x = row.nmae } end")
        local err = s:expect(7, "up").err
        assert.matches("no column 'nmae' in this row: it has id", err, 1, true)
        assert.matches("3_c.up.lua:4", err, 1, true)
    end)

    it("a failed key that is marked is tried first", function()
        s:file("2_b.up.lua", backfill [[table = "t", set = "x", size = 100, target = "0", errors = 4,
  where = "x = 0", map = function(row)
    if row.id % 100 == 0 and vars("FAIL", "") ~= "" then error "no" end return { x = 1 } end]]
            .. "if vars('FAIL', '') ~= '' then error 'later' end")
        s:expect(7, "up", "--set", "FAIL=1")
        assert.equal("done|400|396|4", state())
        s:sql("UPDATE luamig.applied_migrations_backfill_errors SET retry = true")
        s:expect(0, "up")
        assert.equal("400|1", s:sql("SELECT sum(x), max(x) FROM t"))
        assert.equal("backfill b: 400 rows, 400 written", backfills.totals(s))
    end)

    for name, case in pairs {
        ["no table"] = { "1", "map returned a number: a table with every column of set, or nil" },
        ["a missing column"] = { "{ }", "map returned no 'x': write null for NULL" },
        ["an unknown column"] = { "{ x = 1, nmae = 2 }", "map returned 'nmae', which set does not name" },
        ["a boolean"] = { "{ x = true }", "map returned 'x', which is a boolean, for a column of type integer" },
        ["a table"] = { "{ x = {} }", "map returned 'x', which is a table: wrap it in array{...} or json.encode" },
        ["an array"] = { "{ x = array { 1 } }", "map returned 'x', which is an array, for a column of type integer" },
        ["a function"] = { "{ x = print }", "map returned 'x', which is nothing that PostgreSQL has a value for" },
        ["text for a number"] = { "{ x = 'one' }", "invalid input syntax for type integer: \"one\"" },
        ["an error"] = { "error { message = 'mine' }", "mine" },
    } do
        it("map returns " .. name, function()
            s:file("2_b.up.lua", backfill("table = 't', set = 'x', map = function(row) if row.id == 3 then return "
                .. case[1] .. " end return { x = 1 } end"))
            local err = s:expect(7, "up").err
            assert.matches(case[2], err, 1, true)
            assert.matches("row id = 3 of 't'", err, 1, true)
            assert.equal("2", s:sql("SELECT sum(x) FROM t"))
            assert.equal("failed|2|2|0", state())
            assert.equal("1", s:applied())
        end)
    end

    it("a ragged array, a bytea without bytea(s)", function()
        s:sql("ALTER TABLE t ADD grid text[], ADD raw bytea")
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, grid text[][], raw bytea);"
            .. " INSERT INTO t VALUES (1), (2)")
        s:file("2_b.up.lua", backfill [[table = "t", set = "grid", map = function(row)
    return { grid = array { array { "a" }, row.id == 1 and array { "b" } or array { "b", "c" } } } end]])
        local err = s:expect(7, "up").err
        assert.matches("malformed array literal", err, 1, true)
        assert.matches("row id = 2 of 't'", err, 1, true)
        assert.equal("{{a},{b}}", s:sql("SELECT grid FROM t WHERE id = 1"))
        s:file("2_b.up.lua", backfill [[table = "t", set = "raw", map = function() return { raw = "\\x00" } end]])
        err = s:expect(7, "up", "--accept-change").err
        assert.matches("wrap it in bytea(s)", err, 1, true)
    end)

    it("a deferred constraint fails before the checkpoint, with the row", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int, UNIQUE (x) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t SELECT i FROM generate_series(1, 100) i]])
        s:file("2_b.up.lua", backfill [[table = "t", set = "x", size = 10, target = "0",
  map = function(row) return { x = row.id == 37 and 5 or row.id } end]])
        local err = s:expect(7, "up").err
        assert.matches("duplicate key value violates unique constraint", err, 1, true)
        assert.matches("row id = 37 of 't'", err, 1, true)
        assert.equal("failed|36|36|0", state())
    end)

    it("a trigger that refuses writes is counted and told once, without an endless loop", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT i, 7 FROM generate_series(1, 100) i;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER a BEFORE UPDATE ON t FOR EACH ROW WHEN (old.id % 10 = 0) EXECUTE FUNCTION refuse();
CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()]])
        s:file("2_b.up.lua", backfill [[table = "t", read = "x", set = "x", size = 30, target = "0",
  map = function(row) return { x = row.id == 1 and row.x or 8 } end]])
        local _, warnings = s:expect(0, "up").err:gsub("a trigger refuses writes to 't'", "")
        assert.equal(1, warnings)
        assert.equal("backfill b: 100 rows, 89 written, 11 suppressed", backfills.totals(s))
    end)

    it("row security that hides rows stops it with 42501", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 10) i;
ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id < 5)]])
        s:sql("DROP ROLE IF EXISTS narrow; CREATE ROLE narrow")
        s:file("2_b.up.lua", "-- luamig: no-transaction\ndb:exec 'GRANT SELECT, UPDATE ON t TO narrow'"
            .. " db:exec 'SET ROLE narrow'"
            .. " db:backfill { 'b', table = 't', set = 'x', map = function() return { x = 1 } end }")
        assert.matches("[42501]", s:expect(7, "up").err, 1, true)
        assert.equal("0", s:sql("SELECT sum(x) FROM t"))
        s:sql("ALTER TABLE t DISABLE ROW LEVEL SECURITY")
        s:expect(0, "up")
        assert.equal("10", s:sql("SELECT sum(x) FROM t"))
        s:sql("DROP OWNED BY narrow; DROP ROLE narrow")
    end)

    it("verify finds rows that came behind its place; the next up verifies again, or walks again", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int DEFAULT 0); INSERT INTO t SELECT i FROM generate_series(1, 400) i;
CREATE FUNCTION behind() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO t SELECT -i FROM generate_series(1, 9) i; RETURN NULL; END $$;
CREATE TRIGGER behind AFTER UPDATE ON t FOR EACH ROW WHEN (new.id = 300) EXECUTE FUNCTION behind()]])
        local script = backfill [[table = "t", read = "x", set = "x", size = 100, target = "0", verify = "x = 0",
  again = %s, map = function(row) return { x = row.x == 0 and 1 or row.x } end]]
        s:file("2_b.up.lua", script:format("false"))
        for _ = 1, 2 do
            local err = s:expect(7, "up").err
            assert.matches("backfill 'b' is unverified: rows of 't' match x = 0", err, 1, true)
            assert.matches("The first keys: -9, -8, -7, -6, -5.", err, 1, true)
            assert.equal("unverified|400|400|0", state())
            assert.equal("1|400", s:applied() .. "|" .. s:sql("SELECT sum(x) FROM t"))
        end
        s:sql("ALTER TABLE t DISABLE TRIGGER behind")
        s:file("2_b.up.lua", script:format("true"))
        s:expect(0, "up", "--accept-change")
        assert.equal("409|1|1", s:sql("SELECT sum(x), min(x), max(x) FROM t"))
        assert.equal("1,2", s:applied())
    end)

    it("verify names what it finds; the next up verifies again, or walks again", function()
        s:file("2_b.up.lua", backfill [[table = "t", set = "x", verify = "x = 0", where = "id % 50 <> 0",
  map = function(row) return { x = 1 } end]])
        local err = s:expect(7, "up").err
        assert.matches("backfill 'b' is unverified: rows of 't' match x = 0", err, 1, true)
        assert.matches("The first keys: 50, 100, 150, 200, 250.", err, 1, true)
        assert.equal("unverified|400|392|0", state())
        s:expect(7, "up")
        s:sql("UPDATE t SET x = 2 WHERE x = 0")
        s:expect(0, "up")
        assert.equal("392|8", s:sql("SELECT count(*) FILTER (WHERE x = 1), count(*) FILTER (WHERE x = 2) FROM t"))
        s:file("3_c.up.lua", backfill [[table = "t", read = "x", set = "x", verify = "x < 10", again = true,
  map = function(row) return { x = row.x + 5 } end]])
        s:expect(7, "up")
        assert.equal("6|7", s:sql("SELECT min(x), max(x) FROM t"))
        s:expect(0, "up")
        assert.equal("11|12", s:sql("SELECT min(x), max(x) FROM t"))
    end)
end)
