local backfills = require "backfills"
local support = require "support"

local BACKFILL = [[
-- luamig: no-transaction
db:backfill { "fill", table = "t", read = "x", set = "x", size = 100, target = "0", throttle = %s,
  map = function(row) return { x = row.x + 1 } end }
]]

local LAG = '{ replica_lag = "300ms" }'

describe("a backfill with throttle", function()
    local s, standby

    local function standby_is(what)
        return io.popen("tests/standby.sh " .. what):read("l")
    end

    setup(function() standby = standby_is "start" end)
    teardown(function() standby_is "stop" end)

    before_each(function()
        s = support.scratch()
        s:files { ["0001_t.up.sql"] = backfills.GATED, ["0002_b.up.lua"] = BACKFILL:format(LAG) }
    end)

    after_each(function()
        standby_is "sql 'SELECT pg_wal_replay_resume()'"
        support.cleanup()
    end)

    local function rows() return backfills.rows(s) end

    -- A run that has written two batches and is in the third.
    local function begin(...)
        local run = s:start("up", ...)
        backfills.reaches(s, 200)
        return run
    end

    -- Looks are a second apart: the third batch is held for longer.
    local function open()
        s:sees(support.SLEEPS)
        support.sleep(1.1)
        s:sql("INSERT INTO gate VALUES (2000)")
    end

    local function close() s:sql("DELETE FROM gate WHERE upto = 2000") end

    it("sleeps while a standby lags, says why, heeds a person, and goes on", function()
        s:expect(0, "up", "--count", "1")
        standby_is "sql 'SELECT pg_wal_replay_pause()'"
        s:sql("CREATE TABLE behind ()")
        local run = begin("--timeout", "2s", "--migration-timeout", "2s", "--lock-retry", "3s")
        open()
        run:says("waiting for standby 'walreceiver@local' to catch up (replica_lag = 300ms)")
        local at = rows()
        assert.is_true(at >= 300 and at < 2000)
        support.sleep(5.2) -- a limit that ran would end it
        assert.equal(at, rows())
        s:expect(0, "backfill", "pause", "fill")
        assert.equal(11, run:wait().status)
        assert.equal(at, rows())

        close()
        s:expect(0, "backfill", "resume", "fill")
        run = s:start("up")
        open()
        run:says("waiting for standby")
        standby_is "sql 'SELECT pg_wal_replay_resume()'"
        assert.equal(0, run:wait().status)
        assert.equal("2000", s:sql("SELECT count(*) FROM t WHERE x = 1"))
        local url = s.url:gsub("host=[^&]+", "host=" .. standby)
        local there = { env = { LUAMIG_DATABASE = url } }
        support.eventually(function()
            return s:run("backfill", "status", there).out == "no backfill is under way\n"
        end, "the standby")
        assert.matches("this server is read-only", s:expect(5, "backfill", "pause", "fill", there).err, 1, true)
    end)

    it("waits for a standby that is gone, until a signal", function()
        local run = begin()
        standby_is "stop"
        open()
        run:says("waiting for standby 'walreceiver@local' to come back")
        run:kill("TERM")
        assert.equal(143, run:wait().status)
        local r = s:expect(0, "up")
        assert.matches("backfill 'fill': there is no standby for replica_lag to look at", r.err, 1, true)
        assert.equal("2000", s:sql("SELECT count(*) FROM t WHERE x = 1"))
        standby = standby_is "start"
    end)

    it("is refused where the role may not see standbys", function()
        support.server_sql("DROP ROLE IF EXISTS luamig_blind")
        support.server_sql("CREATE ROLE luamig_blind LOGIN")
        s:sql("GRANT ALL ON DATABASE " .. s.name .. " TO luamig_blind; GRANT ALL ON SCHEMA public TO luamig_blind")
        local url = s.url:gsub("user=[^&]+", "user=luamig_blind")
        local r = s:run("up", { env = { LUAMIG_DATABASE = url } })
        assert.equal(7, r.status)
        assert.matches("this role may not see how far standbys are", r.err, 1, true)
        assert.matches('GRANT pg_read_all_stats TO "luamig_blind"', r.err, 1, true)
        assert.equal(0, tonumber(s:sql("SELECT count(*) FROM t WHERE x = 1")))
        s:sql("DROP OWNED BY luamig_blind CASCADE")
        support.server_sql("DROP ROLE luamig_blind")
    end)

    it("lets sessions through that it kept waiting", function()
        s:file("0002_b.up.lua", BACKFILL:format("nil"))
        local run = begin("--json")
        local other = s:session("app")
        other:send("UPDATE t SET x = x WHERE id = 210;")
        s:sees("wait_event_type = 'Lock'")
        open()
        assert.matches("backfill 'fill' sleeps: pid %d+ %('app' as postgres%) had to wait for it", run:wait().out)
        assert.equal("2000", s:sql("SELECT count(*) FROM t WHERE x = 1"))
    end)

    it("says what throttle may hold", function()
        for text, message in pairs {
            ["{ replica_lagg = '5s' }"] = "throttle has no 'replica_lagg': write replica_lag",
            ["{ replica_lag = 5 }"] = "replica_lag is no duration",
            ["'5s'"] = "write throttle = { replica_lag = \"5s\" }",
        } do
            s:file("0002_b.up.lua", BACKFILL:format(text))
            assert.matches(message, s:expect(7, "up").err, 1, true)
        end
    end)
end)
