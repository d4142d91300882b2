local support = require "support"

-- What a run makes of a connection that is lost: it goes on, and each effect is there once.
describe("a connection that is lost", function()
    local s
    before_each(function()
        s = support.scratch()
        s:sql("CREATE TABLE marks (v int); CREATE TABLE t (n int)")
    end)
    after_each(support.cleanup)

    -- Waits until the migration sleeps; ends its backend.
    local function kill_work()
        s:runs("pg_sleep")
        s:terminate("query LIKE '%pg_sleep%'")
    end

    -- The second attempt is quick.
    local SLOW = "SELECT pg_sleep(CASE WHEN nextval('tries') = 1 THEN 20 ELSE 0 END);"

    for name, case in pairs {
        ["SQL"] = { ["2_x.up.sql"] = "INSERT INTO marks VALUES (2);\n" .. SLOW },
        ["Lua"] = { ["2_x.up.lua"] = "db:exec 'INSERT INTO marks VALUES (2)' db:exec [[" .. SLOW .. "]]" },
        ["statements"] = { ["2_x.up.sql"] = "-- luamig: no-transaction\nINSERT INTO marks VALUES (2);\n" .. SLOW },
        ["steps"] = { ["2_x.up.lua"] = "-- luamig: no-transaction\ndb:step('a', function() db:exec 'INSERT INTO marks"
            .. " VALUES (2)' end)\ndb:step('b', function() db:exec [[" .. SLOW .. "]] end)" },
    } do
        it("in the middle of " .. name .. ": up goes on, exit 0, each effect once", function()
            s:file("1_a.up.sql", "CREATE SEQUENCE tries; INSERT INTO marks VALUES (1);")
            s:files(case)
            s:file("3_c.up.sql", "INSERT INTO marks VALUES (3);")
            local p = s:start("up")
            kill_work()
            local r = p:wait(15)
            assert.equal(0, r.status, r.err)
            assert.matches("connection to the server was lost; connecting again", r.err)
            assert.equal("1,2,3", s:marks())
            assert.equal("1,2,3", s:applied())
            assert.equal("3", s:sql("SELECT count(*) FROM luamig.applied_migrations_history WHERE outcome = 'done'"))
        end)
    end

    for _, command in ipairs { "up", "down", "exec" } do
        it("before " .. command .. " has begun, while it waits for the run lock: it is connected again", function()
            s:files { ["1_a.up.sql"] = "INSERT INTO marks VALUES (1);", ["1_a.down.sql"] = "DELETE FROM marks;",
                ["./x.sql"] = "INSERT INTO marks VALUES (2);" }
            if command ~= "up" then s:expect(0, "up") end
            local other = s:session("the other deploy")
            other:lock()
            local p = s:start(command, command == "exec" and "x.sql" or nil)
            p:says("waiting for")
            s:terminate("application_name LIKE 'luamig%'")
            p:says("connecting again")
            other:unlock()
            local r = p:wait(10)
            assert.equal(0, r.status, r.err)
            assert.equal(({ up = "1", down = "", exec = "1,2" })[command], s:marks())
        end)
    end

    it("of the run lock: it is taken again, and the migration begins again #server", function()
        s:file("1_a.up.sql", "CREATE SEQUENCE tries; INSERT INTO marks VALUES (1);")
        s:file("2_x.up.sql", "INSERT INTO marks VALUES (2);\n" .. SLOW)
        local p = s:start("up")
        s:runs("pg_sleep")
        s:terminate(support.HOLDS_LOCK)
        local r = p:wait(10)
        assert.equal(0, r.status, r.err)
        assert.matches("the run lock was lost; taking it again", r.err)
        assert.equal("1,2", s:marks())
    end)

    it("of the run lock, taken by a rival meanwhile: the rival is waited for", function()
        s:file("1_a.up.sql", "CREATE SEQUENCE tries; INSERT INTO marks VALUES (1);")
        s:file("2_x.up.sql", "INSERT INTO marks VALUES (2);\n" .. SLOW)
        local p = s:start("up")
        s:runs("pg_sleep")
        local rival = s:start("up")
        rival:says("waiting for")
        s:terminate(support.HOLDS_LOCK)
        assert.equal(0, p:wait(20).status)
        assert.equal(0, rival:wait(20).status)
        assert.equal("1,2", s:marks())
    end)

    it("of both, and a rival does all of it meanwhile: what it did is not done again", function()
        s:file("1_a.up.sql", "CREATE SEQUENCE tries; INSERT INTO marks VALUES (1);")
        s:file("2_x.up.sql", "INSERT INTO marks VALUES (2);\n" .. SLOW)
        s:file("3_s.up.sql", "-- luamig: no-transaction\nINSERT INTO marks VALUES (3); VACUUM t;")
        s:file("4_l.up.lua", "-- luamig: no-transaction\ndb:exec 'INSERT INTO marks VALUES (4)'")
        local p = s:start("up")
        s:runs("pg_sleep")
        p:kill("STOP")
        s:terminate(support.HOLDS_LOCK)
        kill_work()
        s:expect(0, "up")
        p:kill("CONT")
        local r = p:wait(20)
        assert.equal(0, r.status, r.err)
        assert.matches("4_l [^\n]-applied by another run", r.err)
        assert.equal("1,2,3,4", s:marks())
    end)

    it("of a version's own lock whose session still stands in the server: that one is ended", function()
        s:own_server() -- a backend that is stopped holds up every CREATE DATABASE
        s:file("2_x.up.sql", "-- luamig: no-transaction background\nCREATE SEQUENCE IF NOT EXISTS tries;\n" .. SLOW)
        local p = s:start("up", "--only", "2")
        s:runs("pg_sleep")
        -- Beside the run lock, and therefore the younger one.
        local holder = s:backends(support.HOLDS_LOCK, "(array_agg(pid ORDER BY backend_start DESC))[1]")
        os.execute("kill -STOP " .. holder) -- it neither answers nor notices anything
        kill_work()
        p:says("waiting for pid " .. holder .. ", whose connection was lost")
        os.execute("kill -CONT " .. holder)
        local r = p:wait(20)
        assert.equal(0, r.status, r.err)
        assert.equal("2", s:applied())
    end)

    it("before a run that is undone: it is connected again for the undo", function()
        s:files { ["1_a.up.sql"] = "INSERT INTO marks VALUES (1);", ["1_a.down.sql"] = "DELETE FROM marks;",
            ["2_b.up.sql"] = "SELECT pg_terminate_backend(pg_backend_pid());", ["2_b.down.sql"] = "" }
        local r = s:expect(8, "up", "--rollback")
        assert.matches("lost 4 times", r.err)
        assert.matches("restored: 1 undone by its down", r.err)
        assert.equal("0", s:sql("SELECT count(*) FROM marks"))
    end)

    it("of the lock cannot be missed: the guard stops COMMIT when the migration itself ended it #server", function()
        s:file("1_a.up.sql", [[
CREATE TABLE a ();
DO $$
DECLARE
    here oid := (SELECT oid FROM pg_database WHERE datname = current_database());
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = here;
    WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = here) LOOP END LOOP;
END $$;]])
        local r = s:expect(7, "up")
        assert.matches("the run lock was lost 4 times", r.err)
        assert.equal("", s:applied())
        assert.is_false(s:has("a"))
    end)

    it("again and again by the migration itself is given up, and nothing of it stays", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();\nSELECT pg_terminate_backend(pg_backend_pid());")
        local r = s:expect(7, "up")
        assert.matches("the connection was lost while 1_a ran", r.err)
        assert.matches("lost 4 times", r.err)
        assert.is_false(s:has("a"))
        assert.matches("1_a.- was rolled back; 0 of 1 pending", s:expect(7, "up").err)
        assert.equal("2", s:sql("SELECT count(*) FROM luamig.applied_migrations_history WHERE outcome = 'failed'"))
        assert.matches("lost 4 times", s:expect(8, "up", "--atomic").err)
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        s:expect(0, "up")
        assert.equal("1", s:applied())
    end)

    it("during down and an atomic run is settled, too #server", function()
        s:files { ["1_a.up.sql"] = "CREATE SEQUENCE tries;",
            ["2_x.up.sql"] = "INSERT INTO marks VALUES (2);", ["2_x.down.sql"] = "DELETE FROM marks;\n" .. SLOW }
        s:expect(0, "up")
        local p = s:start("down")
        kill_work()
        assert.equal(0, p:wait(10).status)
        assert.equal("1", s:applied())
        s:sql("SELECT setval('tries', 1, false)")
        s:file("2_x.up.sql", "INSERT INTO marks VALUES (2);\n" .. SLOW)
        p = s:start("up", "--atomic")
        kill_work()
        assert.equal(0, p:wait(10).status)
        assert.equal("2", s:sql("SELECT v FROM marks"))
    end)

    it("for good: it is tried for; a signal ends that, and what is not known is said to be so", function()
        local proxy = s:proxy()
        s:file("1_a.up.sql", "SELECT pg_sleep(20);")
        local p = s:start("up", { env = { LUAMIG_DATABASE = proxy.url } })
        s:runs("pg_sleep")
        proxy:drop()
        p:says("connecting again")
        p:kill("TERM")
        local r = p:wait(10)
        assert.equal(143, r.status, r.err)
        assert.matches("stopped by SIGTERM", r.err)
        assert.matches("whether 1 was committed is told by its row", r.err)
        assert.not_matches("rolled back", r.err)
    end)

    it("of a run that was killed, whose statement commits now: it is not done again", function()
        s:file("1_a.up.sql", "-- luamig: no-transaction\nINSERT INTO marks VALUES (1); SELECT 1/0;")
        s:expect(7, "up")
        s:sql("CREATE TABLE kept AS SELECT * FROM luamig.applied_migrations_steps;"
            .. " DELETE FROM luamig.applied_migrations_steps; TRUNCATE marks")
        local orphan = s:session()
        orphan:sql("BEGIN; INSERT INTO luamig.applied_migrations_steps SELECT * FROM kept;"
            .. " INSERT INTO marks VALUES (1)")
        s:file("1_a.up.sql", "-- luamig: no-transaction\nINSERT INTO marks VALUES (1); SELECT 1/0;")
        local p = s:start("up")
        s:sees("wait_event_type = 'Lock'")
        orphan:sql("COMMIT")
        assert.matches("division by zero", p:wait().err)
        assert.equal("1", s:sql("SELECT v FROM marks"))
    end)

    -- A proxy cuts at round trips, before the server hears of it or after it answered.
    for _, when in ipairs { "a", "b" } do
        it("at a round trip, " .. (when == "a" and "the answer swallowed" or "before the server hears of"
            .. " it"), function()
            local proxy = s:proxy()
            s:files { ["1_a.up.sql"] = "INSERT INTO marks VALUES (1);",
                ["2_b.up.lua"] = "db:exec 'INSERT INTO marks VALUES (2)' db:exec 'SELECT 1'",
                ["3_c.up.sql"] = "-- luamig: no-transaction\nINSERT INTO marks VALUES (3);\n"
                    .. "CREATE INDEX CONCURRENTLY t_n ON t (n);\nINSERT INTO marks VALUES (33);",
                ["4_d.up.lua"] = "-- luamig: no-transaction\ndb:step('a', function() db:exec 'INSERT INTO"
                    .. " marks VALUES (4)' end)",
                ["5_e.up.sql"] = "INSERT INTO marks VALUES (5);" }
            local recovered = 0
            for n = when == "a" and 4 or 5, 44, 4 do
                s:sql("TRUNCATE marks; DROP INDEX IF EXISTS t_n; DROP SCHEMA IF EXISTS luamig CASCADE")
                s:file("./cut", n .. " " .. when)
                local r = s:run("up", { env = { LUAMIG_DATABASE = proxy.url } })
                assert.equal(0, r.status, n .. ": " .. r.err)
                if r.err:find("connecting again", 1, true) then recovered = recovered + 1 end
                assert.equal("1,2,3,4,5,33|1,2,3,4,5|1|t|0", s:sql("SELECT (SELECT string_agg(v::text, ',' ORDER BY v)"
                    .. " FROM marks), (SELECT string_agg(version::text, ',' ORDER BY version) FROM"
                    .. " luamig.applied_migrations), (SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass),"
                    .. " (SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass),"
                    .. " (SELECT count(*) FROM luamig.applied_migrations_steps)"), n .. r.err)
            end
            assert.is_true(recovered >= 8, recovered)
        end)
    end
end)
