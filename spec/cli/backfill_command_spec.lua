local backfills = require "backfills"
local support = require "support"

local BACKFILL = [[
-- luamig: no-transaction
db:backfill { "fill", table = "t", read = { "x", "bad" }, set = { "x" }, size = 100, target = "0", errors = 10,
  map = function(row)
    if row.bad then error("row " .. row.id .. " is bad") end
    return { x = row.x + 1 }
  end }
]]

describe("luamig backfill", function()
    local s

    before_each(function()
        s = support.scratch()
        s:files { ["0001_t.up.sql"] = backfills.GATED, ["0002_b.up.lua"] = BACKFILL,
            ["0002_b.down.sql"] = "UPDATE t SET x = 0;" }
    end)

    after_each(support.cleanup)

    local function rows() return backfills.rows(s) end

    local function status()
        local list = s:json("backfill", "status", "--json").backfills
        return list[1], #list
    end

    -- A run that has written two batches and is in the third.
    local function begin(...)
        local run = s:start("up", ...)
        backfills.reaches(s, 200)
        return run
    end

    local function open() s:sql("INSERT INTO gate VALUES (2000)") end

    -- Gives the order, which waits for the end of a batch, and opens the gate.
    local function order(...)
        local command = s:start("backfill", ...)
        s:sees("application_name LIKE 'luamig % backfill' AND wait_event_type = 'Lock'")
        open()
        return command:wait()
    end

    local function sum() return s:sql("SELECT count(*) FILTER (WHERE x = 1), count(*) FILTER (WHERE x = 2) FROM t") end

    it("says that there is none", function()
        assert.equal("no backfill is under way\n", s:expect(0, "backfill", "status").out)
        assert.same({}, s:json("backfill", "status", "--json").backfills)
        local r = s:expect(4, "backfill", "pause", "fill")
        assert.matches("no backfill 'fill' is under way", r.err, 1, true)
        assert.matches("None is.", r.err, 1, true)
        assert.is_false(s:has("luamig.applied_migrations"))
        assert.matches("say status, pause", s:expect(2, "backfill", "stop").err, 1, true)
        assert.matches("backfill errors needs a name", s:expect(2, "backfill", "errors").err, 1, true)
        s:expect(0, "up", "--count", "1")
        open()
        s:expect(0, "up")
        for _, what in ipairs { "restart", "retry" } do
            r = s:expect(4, "backfill", what, "2:fill")
            assert.matches("`luamig redo V` runs it again", r.err, 1, true)
        end
    end)

    it("pauses a run, and resumes it where it was", function()
        local run = begin()
        local one = status()
        assert.same({ 2, "up", "fill", "t", "running", 200, 2000 },
            { one.version, one.direction, one.name, one.table, one.status, one.rows, one.estimate })
        assert.equal(10, one.percent)
        assert.matches("^pid %d+$", one.worker)
        assert.matches("2:fill  t  running  10.0%  200/2000 rows  200 written", s:expect(0, "backfill", "status").out,
            1, true)

        local r = order("pause", "fill")
        assert.equal(0, r.status)
        assert.matches("2:fill is paused; pid %d+ heeds it with its next batch", r.err)
        r = run:wait()
        assert.equal(11, r.status)
        assert.matches("paused  0002_b", r.err, 1, true)
        assert.matches("`luamig backfill resume fill`", r.err, 1, true)
        local at = rows()
        assert.is_true(at >= 300 and at < 2000)
        s:expect(11, "up")
        assert.equal(at, rows())
        assert.matches("2:fill is paused already", s:expect(0, "backfill", "pause", "2:fill").err, 1, true)
        r = s:expect(4, "backfill", "pause", "2:fil")
        assert.matches("There are 2:fill.", r.err, 1, true)

        local answer = s:json("backfill", "resume", "fill", "--json")
        assert.same({ "resume", 1, "paused" }, { answer.order, answer.changed, answer.backfill.status })
        assert.matches("is not paused: running", s:expect(0, "backfill", "resume", "fill").err, 1, true)
        s:expect(0, "up")
        assert.equal("2000|0", sum())
        assert.equal("1,2", s:applied())
        assert.equal("no backfill is under way\n", s:expect(0, "backfill", "status").out)
    end)

    it("cancels a run, until it is resumed or restarted", function()
        local run = begin()
        assert.equal(0, order("cancel", "fill").status)
        local r = run:wait()
        assert.equal(7, r.status)
        assert.matches("backfill 'fill' is cancelled", r.err, 1, true)
        local at = rows()
        s:expect(7, "up")
        assert.equal(at, rows())
        s:expect(0, "backfill", "resume", "fill")
        s:expect(0, "backfill", "cancel", "fill")
        assert.matches("2:fill begins again from the start", s:expect(0, "backfill", "restart", "fill").err, 1, true)
        assert.equal(0, rows())
        s:expect(0, "up")
        assert.equal(("%d|%d"):format(2000 - at, at), sum())
    end)

    it("restarts a run at work", function()
        local run = begin()
        assert.equal(0, order("restart", "fill").status)
        assert.equal(0, run:wait().status)
        local once, twice = sum():match("(%d+)|(%d+)")
        assert.equal(2000, once + twice)
        assert.is_true(tonumber(twice) >= 300)
    end)

    it("lists rows that failed, and has them tried again", function()
        s:file("0002_b.up.lua", BACKFILL .. 'if db:value "SELECT count(*) FROM t WHERE x = 0" > 0 then'
            .. ' error "some are left" end\n')
        s:expect(0, "up", "--count", "1")
        open()
        s:sql("UPDATE t SET bad = true WHERE id IN (7, 1100)")
        assert.matches("some are left", s:expect(7, "up").err, 1, true)
        local r = s:expect(0, "backfill", "errors", "fill")
        assert.matches("%[7%]%s+[^\n]*row 7 is bad", r.out)
        assert.matches("%[1100%]%s+[^\n]*row 1100 is bad", r.out)
        local errors = s:json("backfill", "errors", "fill", "--json").errors
        assert.same({ { 7 }, false, 2 }, { errors[1].key, errors[1].retry, #errors })
        assert.equal(2, (status()).errors)
        r = s:expect(0, "backfill", "retry", "fill")
        assert.matches("2:fill has 2 failed rows to try again", r.err, 1, true)
        assert.matches("(to be tried again)", s:expect(0, "backfill", "errors", "fill").out, 1, true)
        s:sql("UPDATE t SET bad = false")
        s:expect(0, "up")
        assert.equal("2000|0", sum())
        assert.equal("1,2", s:applied())
    end)

    it("steers one in the background, which is left paused with exit 0", function()
        s:file("0002_b.up.lua", (BACKFILL:gsub("no%-transaction", "no-transaction background")))
        s:expect(0, "up")
        local run = begin("--background")
        assert.matches("0002_b: background, 10 % done; run 'luamig up --background'", s:expect(0, "up").err, 1, true)
        assert.equal(0, order("pause", "2:fill").status)
        local r = run:wait()
        assert.equal(0, r.status)
        assert.matches("paused  0002_b", r.err, 1, true)
        assert.matches("0002_b: is left paused", r.err, 1, true)
        local at = rows()
        assert.matches("0002_b: is left paused", s:expect(0, "up", "--background").err, 1, true)
        assert.equal(at, rows())
        assert.matches("% done, paused; run", s:expect(0, "up").err, 1, true)
        s:expect(11, "up", "--only", "2")
        s:expect(0, "backfill", "resume", "fill")
        s:expect(0, "up", "--background")
        assert.equal("2000|0", sum())
        assert.equal("1,2", s:applied())
    end)

    it("asks which one is meant, where there are two", function()
        s:files { ["0002_b.up.lua"] = (BACKFILL:gsub("no%-transaction", "no-transaction background")) .. "error 'x'",
            ["0003_c.up.lua"] = (BACKFILL:gsub("no%-transaction", "no-transaction background")) .. "error 'x'" }
        s:expect(0, "up")
        open()
        s:expect(7, "up", "--background")
        s:expect(7, "up", "--only", "3")
        local r = s:expect(2, "backfill", "restart", "fill")
        assert.matches("there are 2 backfills 'fill'", r.err, 1, true)
        assert.matches("2:fill, 3:fill", r.err, 1, true)
        s:expect(0, "backfill", "restart", "03:fill")
        assert.matches("is done", s:expect(4, "backfill", "pause", "2:fill").err, 1, true)
    end)

    it("refuses to touch one whose migration is recorded by hand", function()
        local run = begin()
        run:kill("KILL")
        run:wait()
        open()
        s:sql("INSERT INTO luamig.applied_migrations (version, name) VALUES (2, 'b')")
        for _, what in ipairs { "restart", "retry", "pause" } do
            local r = s:expect(4, "backfill", what, "fill")
            assert.matches("is of a migration that is recorded", r.err, 1, true)
        end
    end)
end)
