local support = require "spec.support"

local eventually, json = support.eventually, support.json

-- Waits, in statements of its own, until a row is in gate.
local LONG = [[
-- luamig: no-transaction background
db:step("begun", function() db:exec "INSERT INTO log (what) VALUES ('begun')" end)
while db:value "SELECT count(*) FROM gate" == 0 do db:exec "SELECT pg_sleep(0.02)" end
db:step("ended", function() db:exec "INSERT INTO log (what) VALUES ('ended')" end)
]]

-- A deploy that holds the run lock until a row is in door.
local DEPLOY = [[
-- luamig: timeout=1m
DO $$ BEGIN
    INSERT INTO log (what) VALUES ('deploy');
    WHILE NOT EXISTS (SELECT FROM door) LOOP PERFORM pg_sleep(0.02); END LOOP;
END $$;
]]

local function lines(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do list[#list + 1] = json.decode(line) end
    return list
end

local function state_of(s, version)
    for _, one in ipairs(s:json("status", "--json").migrations) do
        if one.version == version then return one end
    end
end

describe("a background migration", function()
    local s

    before_each(function()
        s = support.scratch()
        s:files { ["0001_log.up.sql"] = "CREATE TABLE log (what text, at timestamptz DEFAULT clock_timestamp());"
            .. " CREATE TABLE gate (open int); CREATE TABLE door (open int);" }
    end)

    after_each(support.cleanup)

    local function log()
        return s:sql("SELECT string_agg(what, ',' ORDER BY at) FROM log")
    end

    local function begun()
        eventually(function() return log():find("begun", 1, true) end, "the background run")
    end

    it("is left pending by up, and named by everything without failing", function()
        s:file("0002_fill.up.lua", LONG)
        local r = s:expect(0, "up")
        local note = "0002_fill: background; run 'luamig up --background'"
        assert.matches(note, r.err, 1, true)
        assert.matches("1 applied, 0 pending, 1 background,", r.err, 1, true)

        s:file("0003_more.up.sql", "CREATE TABLE more ();")
        assert.not_matches("late", s:expect(0, "up", "--out-of-order", "error").err)
        r = s:expect(0, "up")
        assert.matches(note, r.err, 1, true)
        assert.matches("up to date, 0 applied, 0 pending, 1 background,", r.err, 1, true)
        assert.equal("1,3", s:applied())

        r = s:expect(0, "status", "--check")
        assert.matches("0002  background", r.out, 1, true)
        assert.matches("highest applied 3; 0 pending, 0 late, 1 background", r.out, 1, true)
        assert.matches(note, r.err, 1, true)
        assert.matches(note, s:expect(0, "verify").err, 1, true)
        assert.matches(note, s:expect(0, "plan").err, 1, true)
        assert.matches("0002_fill.up.lua  script, background", s:expect(0, "plan",
            "--background").out, 1, true)

        local status = s:json("status", "--json")
        assert.same({ 0, 0, 1 }, { status.counts.pending, status.counts.late,
            status.counts.background })
        assert.same({ "pending", true }, { status.migrations[2].state,
            status.migrations[2].background })
        assert.is_false(status.migrations[1].background)
        local events = lines(s:expect(0, "up", "--json").out)
        assert.equal(1, events[#events].background)
    end)

    it("is applied by up --background, which applies nothing else", function()
        s:files { ["0002_fill.up.lua"] = LONG, ["0003_more.up.sql"] = "CREATE TABLE more ();",
            ["0004_index.up.sql"] = "-- luamig: background no-transaction\n"
                .. "CREATE INDEX CONCURRENTLY log_what ON log (what);" }
        local r = s:expect(0, "up", "--background")
        assert.matches("0002_fill is left for now: 0001_log, which is below it, is pending; "
            .. "run 'luamig up' first", r.err, 1, true)
        assert.matches("0004_index is left for now", r.err, 1, true)
        assert.matches("luamig: [^\n]*: 0 applied, 2 pending, 2 background,", r.err)
        assert.is_false(s:has("luamig.applied_migrations"))
        s:expect(0, "up")
        s:remove("0003_more.up.sql")
        s:sql("INSERT INTO gate VALUES (1)")
        r = s:expect(0, "up", "--background", "--orphans", "warn")
        assert.matches("applied 0002_fill", r.err, 1, true)
        assert.matches("2 applied, 0 pending, ", r.err, 1, true)
        assert.equal("1,2,3,4", s:applied())
        assert.equal("begun,ended", log())
        assert.matches("up to date", s:expect(0, "up", "--background").err)
        assert.is_false(state_of(s, 2).background)
    end)

    for _, lock in ipairs { "advisory", "lease" } do
        it("holds up no deploy, nor is held up, and runs once (" .. lock .. ")", function()
            s:sql("CREATE TABLE x (a int)")
            s:expect(0, "up", "--lock", lock)
            s:file("0002_fill.up.lua", LONG)
            local first = s:start("up", "--background", "--lock", lock)
            begun()

            local r = s:expect(0, "up", "--background", "--lock", lock)
            assert.matches("0002_fill: is left to the run that is at it: pid %d+", r.err)
            assert.matches("up --background", r.err, 1, true)
            assert.matches("0 applied, 0 pending, 1 background", r.err, 1, true)
            r = s:expect(6, "up", "--only", "2", "--lock", lock)
            assert.matches("0002_fill runs in the background", r.err, 1, true)

            s:file("0003_index.up.sql", "CREATE INDEX CONCURRENTLY ON x (a);")
            s:expect(0, "up", "--lock", lock)
            s:file("0004_deploy.up.sql", DEPLOY)
            local deploy = s:start("up", "--lock", lock)
            s:runs("FROM door")

            s:sql("INSERT INTO gate VALUES (1)")
            first:says("waiting for the run lock, held by pid")
            assert.equal("begun,ended", log()) -- the deploy's is not committed
            s:sql("INSERT INTO door VALUES (1)")
            assert.equal(0, deploy:wait().status)
            assert.equal(0, first:wait().status)
            assert.equal("1,2,3,4", s:applied())
            assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_steps"))
            assert.equal("begun,deploy,ended", log())
        end)
    end

    it("that was killed goes on where it was, and waits no longer than lock_wait", function()
        s:file("0002_fill.up.lua", LONG)
        s:expect(0, "up")
        local first = s:start("up", "--background")
        begun()
        first:kill("KILL")
        eventually(function() return s:backends(support.HOLDS_LOCK) == "0" end, "the end of its lock")
        assert.same({ "partial", true }, { state_of(s, 2).state, state_of(s, 2).background })
        s:expect(0, "status", "--check")
        s:expect(0, "verify")

        s:file("0003_deploy.up.sql", DEPLOY)
        local deploy = s:start("up")
        s:runs("FROM door")
        s:sql("INSERT INTO gate VALUES (1)")
        local r = s:expect(6, "up", "--background", "--lock-wait", "300ms")
        assert.matches("lock_wait = 300ms", r.err, 1, true)
        assert.matches("run `luamig up --background` again", r.err, 1, true)
        assert.not_matches("was lost", r.err)
        s:sql("INSERT INTO door VALUES (1)")
        deploy:wait()
        s:expect(0, "up", "--background")
        assert.equal("begun,deploy,ended", log())
        assert.equal("1,2,3", s:applied())
    end)

    it("that loses its lock names it, and takes it again", function()
        s:file("0002_fill.up.lua", LONG)
        s:expect(0, "up")
        local run = s:start("up", "--background")
        begun()
        s:terminate(support.HOLDS_LOCK)
        run:says("the lock of 0002_fill was lost; taking it again")
        s:sql("INSERT INTO gate VALUES (1)")
        local r = run:wait()
        assert.equal(0, r.status, r.err)
        assert.not_matches("run lock was lost", r.err)
        assert.equal("begun,ended", log())
        assert.equal("1,2", s:applied())
    end)

    it("in the foreground loses its lease to nobody in silence", function()
        s:file("0002_fill.up.lua", LONG)
        s:expect(0, "up", "--lock", "lease")
        local run = s:start("up", "--only", "2", "--lock", "lease")
        begun()
        s:sql("DELETE FROM luamig.applied_migrations_lock WHERE name = '2'; INSERT INTO gate VALUES (1)")
        local r = run:wait()
        assert.equal(9, r.status, r.err)
        assert.matches("the lease of the lock of 0002_fill was lost", r.err)
        assert.matches("goes on behind what was recorded", r.err, 1, true)
        assert.equal("begun", log())
        s:expect(0, "up", "--only", "2", "--lock", "lease")
        assert.equal("begun,ended", log())
    end)

    it("has no time limit but its own, and stops by a signal", function()
        s:file("0002_fill.up.lua", LONG)
        s:expect(0, "up")
        local run = s:start("up", "--background", "--timeout", "200ms", "--migration-timeout",
            "100ms")
        begun()
        support.sleep(0.4)
        run:kill("TERM")
        local r = run:wait()
        assert.equal(143, r.status)
        assert.matches("stopped by SIGTERM", r.err)
        s:file("0002_fill.up.lua", (LONG:gsub("background", "background timeout=100ms")))
        r = s:expect(10, "up", "--background")
        assert.matches("0002_fill", r.err)
    end)

    it("runs in the foreground with --only and redo, and its down is as any", function()
        s:files { ["0002_fill.up.lua"] = LONG, ["0002_fill.down.sql"] = "DELETE FROM log;" }
        s:expect(0, "up")
        s:sql("INSERT INTO gate VALUES (1)")
        assert.matches("1 applied, 0 pending, %d", s:expect(0, "up", "--only", "2").err)
        assert.equal("begun,ended", log())
        s:expect(0, "redo", "2")
        assert.equal("begun,ended", log())
        s:expect(0, "down")
        assert.equal("1", s:applied())
        assert.equal("", log())
        s:expect(0, "up", "--only", "2", "--lock", "lease")
        assert.equal("1,2", s:applied())
    end)

    it("is left alone by --rollback and --atomic", function()
        s:files { ["0001_log.down.sql"] = "DROP TABLE log, gate, door;", ["0002_fill.up.lua"] = LONG }
        s:file("0003_bad.up.sql", "SELECT 1/0;"):file("0003_bad.down.sql", "")
        s:expect(8, "up", "--rollback")
        s:expect(8, "up", "--atomic")
        s:remove("0003_bad.up.sql"):remove("0003_bad.down.sql")
        assert.matches("1 applied, 0 pending, 1 background", s:expect(0, "up", "--atomic").err)
        s:sql("INSERT INTO gate VALUES (1)")
        s:expect(0, "up", "--background", "--on-failure", "atomic")
        assert.equal("1,2", s:applied())
    end)

    it("fails the run that it is in as any other", function()
        s:file("0002_bad.up.sql", "-- luamig: no-transaction background\nINSERT INTO log"
            .. " (what) VALUES ('a');\nSELECT 1/0;")
        s:expect(0, "up")
        local r = s:expect(7, "up", "--background")
        assert.matches("0002_bad.up.sql:3", r.err, 1, true)
        assert.matches("0 of 1 pending were applied; run `luamig up --background` again", r.err,
            1, true)
        assert.equal("a", log())
        s:file("0002_bad.up.sql", "-- luamig: no-transaction background\nINSERT INTO log"
            .. " (what) VALUES ('a');\nSELECT 1;")
        s:expect(0, "up", "--background")
        assert.equal("a", log())
    end)

    it("waits for a tracker to be taken over", function()
        s:sql("CREATE TABLE schema_migrations (version bigint, dirty boolean);"
            .. " INSERT INTO schema_migrations VALUES (1, false)")
        s:file("0002_fill.up.lua", LONG)
        local r = s:expect(4, "up", "--background", "--legacy-table", "public.schema_migrations")
        assert.matches("is to be taken over before anything else", r.err, 1, true)
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    describe("where it cannot be", function()
        local cases = {
            { "0002_b.up.sql", "\n-- luamig: background\nSELECT 1;", ":2", "needs 'no-transaction'" },
            { "0002_b.up.lua", "-- luamig: background\ndb:exec 'SELECT 1'", ":1",
                "needs 'no-transaction'" },
            { "R__b.sql", "-- luamig: no-transaction background\nSELECT 1;", ":1",
                "is not for repeatables" },
        }
        for _, case in ipairs(cases) do
            it("is exit 4, " .. case[1], function()
                s:file(case[1], case[2])
                for _, command in ipairs { { "up" }, { "up", "--background" } } do
                    if case[1]:sub(1, 1) ~= "R" or #command == 1 then
                        local r = s:expect(4, table.unpack(command))
                        assert.matches("directive 'background' " .. case[4], r.err, 1, true)
                        assert.matches(case[1] .. case[3], r.err, 1, true)
                    end
                end
                assert.is_false(s:has("log"))
                assert.matches(case[4], s:expect(4, "validate").err, 1, true)
            end)
        end

        it("is exit 4 in a down, but goose's head is both sections'", function()
            s:file("0001_log.down.sql", "-- luamig: no-transaction background\nDROP TABLE log;")
            s:expect(0, "up")
            local r = s:expect(4, "down")
            assert.matches("directive 'background' is for ups only", r.err, 1, true)
            assert.matches("0001_log.down.sql:1", r.err, 1, true)
            assert.is_true(s:has("log"))
            s:file("0002_g.sql", "-- luamig: background\n-- +goose NO TRANSACTION\n-- +goose Up\n"
                .. "CREATE TABLE g ();\n-- +goose Down\nDROP TABLE g;\n")
            s:expect(0, "up")
            assert.is_false(s:has("g"))
            s:expect(0, "up", "--background")
            s:expect(0, "down")
            assert.is_false(s:has("g"))
        end)

        it("is exit 2 with options that it does not go with", function()
            for _, option in ipairs { "--rollback", "--atomic", "--only=1" } do
                local r = s:expect(2, "up", "--background", option)
                assert.matches("does not go with --background", r.err, 1, true)
            end
        end)
    end)
end)
