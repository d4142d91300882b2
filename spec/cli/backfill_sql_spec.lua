local backfills = require "backfills"
local support = require "support"

describe("db:backfill with", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, name text, x int DEFAULT 0);"
            .. " INSERT INTO t SELECT i, 'n' || i FROM generate_series(1, 1000) i; CREATE TABLE log (id int, n int)")
    end)
    after_each(support.cleanup)

    local HEAD = "-- luamig: no-transaction\n"

    it("sql runs the statement for each range, with an alias too", function()
        s:file("2_b.up.lua", HEAD .. [[
db:backfill { "plain", table = "t", size = 300, target = "0",
  sql = "UPDATE t SET x = x + 1 WHERE {range} AND id > 100" }
db:backfill { "alias", table = "public.t", size = 300, target = "0",
  sql = "INSERT INTO log SELECT min(u.id), count(*) FROM t u WHERE {range:u} -- the last\n" }]])
        s:expect(0, "up")
        assert.equal("900|1", s:sql("SELECT sum(x), max(x) FROM t"))
        assert.equal("1|300\n301|300\n601|300\n901|100", s:sql("SELECT * FROM log ORDER BY 1"))
        assert.equal("backfill plain: 1000 rows, 900 written; backfill alias: 1000 rows, 4 written",
            backfills.totals(s))
    end)

    it("sql goes on behind the last batch", function()
        s:file("2_b.up.lua", HEAD .. [[db:backfill { "b", table = "t", size = 100, target = "0",
  sql = "UPDATE t SET x = x + 1 + 0 / (SELECT count(*) FROM log) WHERE {range}" }]])
        s:sql("CREATE SCHEMA IF NOT EXISTS luamig")
        s:expect(7, "up")
        assert.equal("0", s:sql("SELECT sum(x) FROM t"))
        s:sql("INSERT INTO log VALUES (1, 1)")
        s:expect(0, "up")
        assert.equal("1000|1", s:sql("SELECT sum(x), max(x) FROM t"))
    end)

    it("each gives rows that nobody else changes, and the batch's transaction", function()
        s:file("2_b.up.lua", HEAD .. [[
db:backfill { "b", table = "t", read = "name", where = "id % 2 = 0", size = 400, target = "0", each = function(batch)
  local names = {}
  for i, row in ipairs(batch.rows) do names[i] = { id = row.id, x = #row.name } end
  db:update_many { "t", key = "id", set = "x", rows = names }
  db:exec("INSERT INTO log VALUES ($1, $2)", batch.first, batch.last)
  assert(db:value("SELECT count(*) FROM t WHERE id BETWEEN $1 AND $2", batch.first, batch.last) >= #batch.rows)
end }]])
        s:expect(0, "up")
        assert.equal("2|400\n402|800\n802|1000", s:sql("SELECT * FROM log ORDER BY 1"))
        assert.equal("500|t", s:sql("SELECT count(*), bool_and(x = length(name)) FROM t WHERE x > 0"))
        assert.equal("backfill b: 1000 rows, 500 written", backfills.totals(s))
    end)

    it("each rolls a batch back as a whole, and gives composite keys as tables", function()
        s:file("1_t.down.sql", "DROP TABLE t, log")
        s:file("2_b.up.lua", HEAD .. [[
db:exec "CREATE TABLE IF NOT EXISTS c (a int, b text, x int, PRIMARY KEY (a, b))"
db:exec "INSERT INTO c SELECT i / 10, i, 0 FROM generate_series(1, 50) i ON CONFLICT DO NOTHING"
db:backfill { "b", table = "c", size = 20, target = "0", each = function(batch)
  assert(batch.first.a == batch.rows[1].a and batch.last.b == batch.rows[#batch.rows].b)
  for _, row in ipairs(batch.rows) do
    db:exec("UPDATE c SET x = x + 1 WHERE a = $1 AND b = $2", row.a, row.b)
    if row.b == "35" and vars("FAIL", "") ~= "" then error("not this one") end
  end
end }]])
        local err = s:expect(7, "up", "--set", "FAIL=1").err
        assert.matches("not this one", err, 1, true)
        assert.equal("0|1", s:sql("SELECT x, count(*) > 0 FROM c WHERE b = '35' GROUP BY 1"):gsub("t$", "1"))
        s:expect(0, "up")
        assert.equal("50|1", s:sql("SELECT sum(x), max(x) FROM c"))
    end)

    it("db raises inside of map", function()
        s:file("2_b.up.lua", HEAD .. [[db:backfill { "b", table = "t", set = "x",
  map = function() return { x = db:value "SELECT 1" } end }]])
        assert.matches("db cannot be used inside of map", s:expect(7, "up").err, 1, true)
    end)

    it("a where that few of many rows match moves on in full batches", function()
        s:file("2_b.up.lua", HEAD .. [[db:backfill { "b", table = "t", set = "x", where = "id IN (3, 500, 999)",
  size = 250, target = "0", map = function(row) return { x = row.id } end }]])
        s:expect(0, "up")
        assert.equal("backfill b: 1000 rows, 3 written", backfills.totals(s))
        assert.equal("1502", s:sql("SELECT sum(x) FROM t"))
    end)

    it("a where that 5 of 100,000 rows match looks at a batch's rows in a statement, at no more", function()
        -- A statement is known by its time.
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int DEFAULT 0); INSERT INTO t SELECT i FROM generate_series(1, 100000) i;
CREATE FUNCTION rare(id int) RETURNS boolean LANGUAGE plpgsql COST 1 AS $$
DECLARE at text := extract(epoch FROM statement_timestamp()); n int := 1; BEGIN
  IF at = current_setting('spec.at', true) THEN n := current_setting('spec.n')::int + 1;
  ELSE PERFORM set_config('spec.at', at, false); END IF;
  IF n > 4000 THEN RAISE EXCEPTION 'row % in one statement', n; END IF;
  PERFORM set_config('spec.n', n::text, false); RETURN id % 20000 = 0; END $$]])
        s:file("2_b.up.lua", HEAD .. [[db:backfill { "b", table = "t", set = "x", where = "rare(id)",
  size = 4000, target = "0", map = function(row) return { x = row.id } end }]])
        s:expect(0, "up")
        assert.equal("300000", s:sql("SELECT sum(x) FROM t"))
        assert.equal("backfill b: 100000 rows, 5 written", backfills.totals(s))
        -- If each of its 25 batches read the table it would be 2,500,000.
        local read
        support.eventually(function()
            read = tonumber(s:sql("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 't'"))
            return read >= 200000 -- sum(x) included
        end, "the statistics")
        assert.is_true(read < 600000, read)
    end)

    it("ONLY leaves the children alone", function()
        s:file("2_b.up.lua", HEAD .. [[
db:exec "CREATE TABLE IF NOT EXISTS child () INHERITS (t)"
db:exec "INSERT INTO child SELECT 1001, 'c'"
db:backfill { "b", table = "ONLY t", set = "x", map = function(row) return { x = 1 } end }
db:backfill { "c", table = "only public.t", sql = "UPDATE ONLY t SET x = x + 1 WHERE {range}" }]])
        s:expect(0, "up")
        assert.equal("2000|0", s:sql("SELECT (SELECT sum(x) FROM ONLY t), (SELECT sum(x) FROM child)"))
    end)
end)
