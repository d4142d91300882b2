local backfills = require "backfills"
local support = require "support"

describe("a backfill that is stopped", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, x int DEFAULT 0);"
            .. " INSERT INTO t SELECT i FROM generate_series(1, 400) i; CREATE TABLE slow AS SELECT 1")
        s:file("1_t.down.sql", "DROP TABLE t, slow")
        s:file("2_b.down.sql", "UPDATE t SET x = 0")
    end)
    after_each(support.cleanup)

    -- x = x + 1 in 20 batches, each of which takes so long, until fast() is called.
    local function slowly(seconds, options)
        s:file("2_b.up.lua", ("-- luamig: no-transaction %s\n" .. [[
db:backfill { "b", table = "t", size = 20, target = "0",
  sql = "UPDATE t SET x = x + 1 FROM (SELECT pg_sleep(%s * count(*)) FROM slow) s WHERE {range}" }]]):format(
            options or "", seconds))
    end

    local function fast() s:sql("DELETE FROM slow") end

    local function rows() return backfills.rows(s) end

    local function at_work()
        s:sees(support.SLEEPS, 30)
    end

    local function once() assert.equal("400|1|1", s:sql("SELECT sum(x), min(x), max(x) FROM t")) end

    local function status(word)
        return s:sql("UPDATE luamig.applied_migrations_backfills SET status = '" .. word .. "' RETURNING 'set'")
    end

    it("by SIGTERM finishes a batch that is short", function()
        slowly(0.6)
        local run = s:start("up")
        at_work()
        run:kill("TERM")
        assert.equal(143, run:wait().status)
        assert.is_true(rows() >= 20)
        assert.equal("running", s:sql("SELECT status FROM luamig.applied_migrations_backfills"))
        fast()
        s:expect(0, "up")
        once()
    end)

    it("by SIGTERM cancels a batch that is long", function()
        slowly(20)
        local run = s:start("up")
        at_work()
        run:kill("TERM")
        assert.equal(143, run:wait(15).status)
        assert.equal("0|0", rows() .. "|" .. s:sql("SELECT sum(x) FROM t"))
    end)

    it("by SIGTERM gives up a server that does not answer", function()
        s:own_server() -- a backend that is stopped holds up every CREATE DATABASE
        slowly(0.6)
        local run = s:start("up")
        at_work()
        local backend = s:backends(support.SLEEPS, "pid")
        os.execute("kill -STOP " .. backend)
        run:kill("TERM")
        local ok, result = pcall(run.wait, run, 30)
        os.execute("kill -CONT " .. backend)
        assert(ok, result)
        assert.equal(143, result.status, result.err)
        fast()
        s:expect(0, "up")
        once()
    end)

    for what, condition in pairs {
        ["its connection is ended"] = "application_name LIKE 'luamig%' AND query LIKE '%UPDATE t%'",
        ["the run lock's connection is ended"] = support.HOLDS_LOCK,
    } do
        it("because " .. what .. " goes on by itself, each row once", function()
            slowly(0.6)
            local run = s:start("up")
            for round = 1, 2 do
                backfills.reaches(s, round * 20)
                assert.equal("1", s:terminate(condition))
            end
            fast()
            local result = run:wait()
            assert.equal(0, result.status, result.err)
            once()
        end)
    end

    it("by the loss of its lock in the middle of a batch is gone on with by the next run, behind that batch", function()
        slowly(0.6)
        local first = s:start("up")
        backfills.reaches(s, 20)
        at_work()
        first:kill("STOP")
        s:terminate(support.HOLDS_LOCK)
        local second = s:start("up")
        s:sees("wait_event_type = 'Lock'") -- for the batch, which is open as long as the first says nothing
        first:kill("CONT")
        fast()
        local one, two = first:wait(), second:wait()
        assert.equal(0, two.status, two.err)
        assert.is_true(one.status == 0 or one.status == 6, one.err)
        assert.matches("another run", one.err)
        once()
        assert.equal("1,2", s:applied())
    end)

    it("because another run took it over exits with 6 and names it", function()
        slowly(0.6)
        local run = s:start("up")
        backfills.reaches(s, 20)
        s:sql("UPDATE luamig.applied_migrations_backfills SET owner = 'another', run = 'deadbeef'")
        local result = run:wait()
        assert.equal(6, result.status, result.err)
        assert.matches("another run has taken over backfill 'b'", result.err, 1, true)
        assert.matches("Run deadbeef", result.err, 1, true)
        fast()
        s:expect(0, "up")
        once()
    end)

    it("by a pause stops at the next batch with 11, until it is resumed", function()
        slowly(0.6)
        local run = s:start("up", "--json")
        backfills.reaches(s, 20)
        status("paused")
        local result = run:wait()
        assert.equal(11, result.status, result.err)
        assert.matches('"outcome":"paused"', result.out, 1, true)
        assert.is_true(rows() < 400)
        assert.matches("backfill 'b' is paused", s:expect(11, "up").err, 1, true)
        assert.equal("1", s:applied())
        status("running")
        fast()
        s:expect(0, "up")
        once()
    end)

    it("by a cancel exits with 7; a restart from elsewhere begins again", function()
        slowly(0.6)
        local run = s:start("up")
        backfills.reaches(s, 20)
        status("cancelled")
        local result = run:wait()
        assert.equal(7, result.status)
        assert.matches("backfill 'b' is cancelled", result.err, 1, true)
        status("running")
        s:sql("UPDATE t SET x = 0")
        run = s:start("up")
        at_work()
        s:sql("BEGIN; DELETE FROM slow;"
            .. " UPDATE luamig.applied_migrations_backfills SET cursor = NULL, bounds = NULL, rows = 0;"
            .. " UPDATE t SET x = 0; COMMIT")
        result = run:wait()
        assert.equal(0, result.status, result.err)
        once()
    end)

    it("runs again from the start after down, redo, and a DELETE by hand", function()
        slowly(0)
        s:expect(0, "up")
        s:expect(0, "redo")
        once()
        s:expect(0, "down")
        s:expect(0, "up")
        once()
        s:sql("DELETE FROM luamig.applied_migrations WHERE version = 2")
        s:expect(0, "up")
        assert.equal("800", s:sql("SELECT sum(x) FROM t"))
        s:sql("DELETE FROM luamig.applied_migrations WHERE version = 2;"
            .. " INSERT INTO luamig.applied_migrations_backfills (version, direction, name, table_name, status,"
            .. " checksum, updated_at) VALUES (2, 'up', 'b', 't', 'done', 'x', now() - interval '1 day')")
        s:expect(0, "up")
        assert.equal("1200", s:sql("SELECT sum(x) FROM t"))
    end)

    it("half done is undone by its down with --rollback, and shown as partial", function()
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[db:backfill { "b", table = "t", size = 20, target = "0",
  sql = "UPDATE t SET x = x + 1 + 0 / (id - 90) WHERE {range}" }]])
        s:expect(7, "up")
        assert.equal("partial", s:json("status", "--json").migrations[2].state)
        assert.equal("89|89", s:sql("SELECT sum(x), rows FROM t, luamig.applied_migrations_backfills GROUP BY 2"))
        s:expect(8, "up", "--rollback")
        assert.equal("0|0", s:sql("SELECT sum(x), (SELECT count(*) FROM luamig.applied_migrations_backfills)"
            .. " FROM t"))
    end)

    it("is not stopped by the run's limits as long as it makes progress", function()
        slowly(0.1)
        s:expect(0, "up", "--timeout", "1s", "--migration-timeout", "1s")
        once()
        s:expect(0, "down")
        slowly(0.1, "timeout=500ms")
        local err = s:expect(10, "up").err
        assert.matches("time limit migration_timeout = 500ms was reached", err, 1, true)
    end)

    it("in a map that never ends is, by its limit", function()
        s:file("2_b.up.lua", "-- luamig: no-transaction lock-retry=500ms\n"
            .. "db:backfill { 'b', table = 't', set = 'x', map = function() while true do end end }")
        s:expect(10, "up", "--migration-timeout", "500ms")
    end)

    it("gives way to row locks and names who holds them, until lock_retry is spent", function()
        slowly(0)
        s:expect(0, "up", "--to", "1")
        local other = s:session("the cleaner")
        other:sql("BEGIN; UPDATE t SET x = 0 WHERE id = 30")
        local err = s:expect(7, "up", "--lock-retry", "2s").err
        assert.matches("[55P03]", err, 1, true)
        assert.matches("the cleaner", err, 1, true)
        assert.equal("20|20", s:sql("SELECT sum(x), (SELECT rows FROM luamig.applied_migrations_backfills) FROM t"))
        local run = s:start("up", "--lock-retry", "1m")
        run:says("gave way")
        other:sql("COMMIT")
        assert.equal(0, run:wait().status)
        once()
    end)
end)

describe("a backfill whose server is restarted", function()
    local s, server
    before_each(function()
        s = support.scratch()
        server = s:own_server()
    end)
    after_each(support.cleanup)

    it("goes on at its checkpoint when the server is back, each row once", function()
        s:files { ["1_t.up.sql"] = backfills.GATED, ["2_b.up.lua"] = backfills.script
            [[table = "t", read = "x", set = "x", size = 100, target = "0",
  map = function(row) return { x = row.x + 1 } end]] }
        local run = s:start("up")
        backfills.reaches(s, 200)
        s:sees(support.SLEEPS) -- in the third batch
        server:restart()
        run:says("connecting again")
        assert.equal("200|200", s:sql("SELECT rows, sum(x) FROM t, luamig.applied_migrations_backfills GROUP BY 1"))
        s:sql("INSERT INTO gate VALUES (2000)")
        local result = run:wait()
        assert.equal(0, result.status, result.err)
        assert.equal("2000|1|1", s:sql("SELECT sum(x), min(x), max(x) FROM t"))
        assert.equal("backfill b: 2000 rows, 2000 written", backfills.totals(s))
        assert.equal("1,2", s:applied())
    end)
end)
