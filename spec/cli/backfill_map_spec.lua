local backfills = require "backfills"
local support = require "support"

local backfill = backfills.script

describe("db:backfill with map", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    -- The state of backfill b: "status|rows|written|conflicts|suppressed|errors".
    local function state()
        return s:sql("SELECT status, rows, written, conflicts, suppressed, errors"
            .. " FROM luamig.applied_migrations_backfills")
    end

    it("writes what map returns, leaves what it does not, and keeps the totals in the history", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id bigint PRIMARY KEY, name text, x text);"
            .. " INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 2500) i")
        s:file("2_b.up.lua", backfill [[table = "t", read = { "name" }, set = { "x" },
  where = "id > 10 -- not the first",
  map = function(row)
    assert(row.id > 10)
    if row.id % 2 == 0 then return { x = row.name .. '"\\,{}' } end
  end]])
        local events = s:expect(0, "up", "--json").out
        assert.matches('"event":"progress".-"backfill":{"name":"b","table":"t","rows":2500,"total":2500,"percent":100',
            events)
        assert.equal("1245|t", s:sql("SELECT count(x), bool_and(x = name || '\"\\,{}' AND id > 10 AND id % 2 = 0)"
            .. " FROM t WHERE x IS NOT NULL"))
        assert.equal("", state())
        assert.equal("backfill b: 2500 rows, 1245 written", backfills.totals(s))
        assert.equal("1,2", s:applied())
    end)

    it("takes the types of the columns from the catalog", function()
        s:file("1_t.up.sql", [[
CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN score AS int CHECK (VALUE < 100); CREATE DOMAIN tags AS text[];
CREATE TABLE "Odd t" ("a b" int PRIMARY KEY, n numeric, at timestamptz, doc jsonb, u uuid, raw bytea, m mood, s score,
  grid text[][], d tags, ok boolean, f float8, c char(5), v varchar(3), bits bit(3), nothing int, days daterange);
INSERT INTO "Odd t" ("a b", nothing) VALUES (1, 7), (2, 7)]])
        s:file("2_b.up.lua", backfill [==[table = '"Odd t"', set = { "n", "at", "doc", "u", "raw", "m", "s", "grid",
    "d", "ok", "f", "c", "v", "bits", "nothing", "days" },
  map = function(row) return { n = "1.10", at = "2024-02-03 04:05:06.789+00", doc = json.encode { a = array {} },
    u = "6f2b1c3e-0000-4000-8000-000000000001",
    raw = bytea "\0\\x'", m = "bad", s = row["a b"],
    grid = array { array { "a,b", null }, array { "{", "\"" } },
    d = array { "x" }, ok = false, f = 0.1, c = "ab",
    v = "abc", bits = "101", nothing = null, days = "[2024-01-01,2024-02-01)" } end]==])
        s:expect(0, "up")
        assert.equal("1|1.10|2024-02-03 04:05:06.789+00|{\"a\": []}|6f2b1c3e-0000-4000-8000-000000000001"
            .. "|\\x005c7827|bad|1"
            .. "|{{\"a,b\",NULL},{\"{\",\"\\\"\"}}|{x}|f|0.1|ab   |abc|101||[2024-01-01,2024-02-01)",
            s:sql('SELECT * FROM "Odd t" WHERE "a b" = 1'))
    end)

    it("does not cut what is too long for a column", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, c char(3), v varchar(3)); INSERT INTO t VALUES (1)")
        s:file("2_b.up.lua", backfill "table = 't', set = 'v', map = function() return { v = 'abcd' } end")
        assert.matches("value too long for type character varying(3)", s:expect(7, "up").err, 1, true)
    end)

    it("walks composite keys and any unique key of NOT NULL columns", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (a text COLLATE "C", b date NOT NULL, x int, PRIMARY KEY (a, b));
INSERT INTO t SELECT chr(65 + i % 5), date '2024-01-01' + i / 5, 0 FROM generate_series(0, 699) i;
CREATE TABLE u (id int, k uuid NOT NULL, x int);
INSERT INTO u SELECT i, md5(i::text)::uuid, 0 FROM generate_series(1, 300) i;
CREATE UNIQUE INDEX ON u (k DESC) INCLUDE (id)]])
        s:file("2_b.up.lua", [[
-- luamig: no-transaction
db:backfill { "t", table = "t", set = { "x" }, size = 37, target = "0", map = function(row)
  assert(row.a and row.b) return { x = 1 } end }
db:backfill { "u", table = "u", key = "k", read = "x", set = "x", size = 50, target = "0", map = function(row)
  return { x = row.x + 1 } end }]])
        s:expect(0, "up")
        assert.equal("700|700|300", s:sql("SELECT (SELECT sum(x) FROM t), (SELECT count(*) FROM t),"
            .. " (SELECT sum(x) FROM u WHERE x = 1)"))
    end)

    it("maps and writes again what changed between reading and writing", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, name text, x text); INSERT INTO t SELECT i, 'old' FROM generate_series(1, 8) i;
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE t SET name = 'new' WHERE id = 3; UPDATE t SET name = 'left' WHERE id = 4;
  DELETE FROM t WHERE id = 5;
  RETURN NULL; END $$;
CREATE TRIGGER meddle AFTER UPDATE ON t FOR EACH ROW WHEN (new.id = 1) EXECUTE FUNCTION meddle()]])
        s:file("2_b.up.lua", backfill [[table = "t", read = "name", set = "x", where = "name <> 'left'", size = 2,
  target = "0", map = function(row) return { x = "x " .. row.name } end]])
        s:expect(0, "up")
        assert.equal("1|x old\n2|x old\n3|x new\n4|\n6|x old\n7|x old\n8|x old",
            s:sql("SELECT id, x FROM t ORDER BY id"))
        assert.equal("backfill b: 8 rows, 6 written, 2 conflicts", backfills.totals(s))
    end)

    it("goes on behind the last batch after a failure, which names row and column", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, x int DEFAULT 0);"
            .. " INSERT INTO t SELECT i FROM generate_series(1, 1000) i")
        local script = backfill [[table = "t", read = "x", set = "x", size = 100, target = "0",
  map = function(row) return { x = row.id == 555 and %s or row.x + 1 } end]]
        s:file("2_b.up.lua", script:format("true"))
        local err = s:expect(7, "up").err
        assert.matches("map returned 'x', which is a boolean, for a column of type integer", err, 1, true)
        assert.matches("row id = 555 of 't'", err, 1, true)
        assert.equal("failed|554|554|0|0|0", state())
        assert.equal("554|1", s:sql("SELECT sum(x), max(x) FROM t"))
        s:file("2_b.up.lua", script:format("false"))
        err = s:expect(4, "up").err
        assert.matches("the script has changed since backfill 'b' began", err, 1, true)
        assert.equal("failed|554|554|0|0|0", state())
        assert.equal("554|1", s:sql("SELECT sum(x), max(x) FROM t"))
        s:expect(0, "up", "--accept-change")
        assert.equal("1000|1|1", s:sql("SELECT sum(x), min(x), max(x) FROM t"))
        assert.equal("1,2", s:applied())
    end)

    it("runs each row once however often it is killed", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, x int DEFAULT 0);"
            .. " INSERT INTO t SELECT i FROM generate_series(1, 3000) i")
        s:expect(0, "up")
        s:file("2_b.up.lua", backfill [[table = "t", read = "x", set = "x", size = 20, target = "0",
  map = function(row) return { x = row.x + 1 } end]])
        for round = 1, 6 do
            local run = s:start("up")
            support.eventually(function()
                local rows = s:has("luamig.applied_migrations_backfills")
                    and s:sql("SELECT rows FROM luamig.applied_migrations_backfills")
                return tonumber(rows) and tonumber(rows) >= round * 200 or s:applied() == "1,2"
            end, "some rows")
            run:kill(round % 2 == 0 and "KILL" or "TERM")
            run:wait()
        end
        if s:applied() ~= "1,2" then s:expect(0, "up") end
        assert.equal("3000|1|1", s:sql("SELECT sum(x), min(x), max(x) FROM t"))
    end)
end)
