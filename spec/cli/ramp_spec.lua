local support = require "support"

describe("a table lock held by another session #server", function()
    local s, other
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a (id int); CREATE SEQUENCE tries;"):expect(0, "up")
        s:file("2_b.up.sql", "CREATE TABLE b ();\nALTER TABLE a ADD x int;")
        other = s:session("billing")
        other:sql("BEGIN; SELECT * FROM a")
    end)
    after_each(support.cleanup)

    local BLOCKER = "pid %d+ %('billing' as postgres, idle in transaction for [^)]+%): SELECT %* FROM a"

    it("is tried for until lock_retry is spent; then 7 names pid, age, application and query", function()
        local r = s:expect(7, "up", "--lock-retry", "3s")
        assert.matches("2_b: attempt %d+ gave way, next in .-; waiting for " .. BLOCKER, r.err)
        assert.matches("55P03", r.err)
        assert.matches("Blocked by " .. BLOCKER, r.err)
        assert.matches("given up after %d+ attempts %(lock_retry = 3s%)", r.err)
        assert.matches("2_b.up.sql:2", r.err, 1, true)
        assert.is_false(s:has("b"))
        assert.equal("1", s:sql("SELECT count(*) FROM luamig.applied_migrations_history WHERE version = 2"))
    end)

    it("is given way to: it succeeds when the blocker ends, and readers are not stalled meanwhile", function()
        local p, worst = s:start("up"), 0
        local until_ = support.now() + 4
        while support.now() < until_ do
            local began = support.now()
            s:sql("SELECT count(*) FROM a")
            worst = math.max(worst, support.now() - began)
        end
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
        assert.equal("1,2", s:applied())
        assert.is_true(worst < 1.6, worst) -- deadlock_timeout + 250 ms, and psql's own time
    end)

    it("with a fixed lock_timeout each attempt waits so long; lock_retry 0 is one attempt", function()
        local began = support.now()
        s:expect(7, "up", "--lock-timeout", "700ms", "--lock-retry", "0")
        assert.is_true(support.now() - began > 0.6 and support.now() - began < 3)
        s:file("2_b.up.sql", "-- luamig: lock-timeout=20s\nALTER TABLE a ADD x int;")
        local p = s:start("up", "--lock-retry", "0")
        support.sleep(1.5)
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
    end)

    it("a file's own SET lock_timeout wins from there on, lock-retry= of a file, too", function()
        s:file("2_b.up.sql", "-- luamig: lock-retry=0\nSET lock_timeout = '20s';\nALTER TABLE a ADD x int;")
        local p = s:start("up")
        support.sleep(1.5)
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
    end)

    it("for rows is waited for 10 s, as long as no strong lock is held", function()
        other:sql("COMMIT; INSERT INTO a VALUES (1); BEGIN; UPDATE a SET id = 2")
        s:file("2_b.up.sql", "-- luamig: lock-retry=0\nUPDATE a SET id = 3;\nALTER TABLE a ADD x int;")
        local p = s:start("up")
        support.sleep(2)
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
        assert.equal("3", s:sql("SELECT id FROM a"))
    end)

    it("makes a Lua migration begin again, with a count of its attempts", function()
        s:remove("2_b.up.sql")
        s:file("2_b.up.lua", [[
db:exec "SELECT nextval('tries')"
log.info("attempt %d", migration.attempt)
db:exec "CREATE TABLE b ()"
db:exec "ALTER TABLE a ADD x int"]])
        local p = s:start("up")
        p:says("attempt 3")
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
        assert.is_true(tonumber(s:sql("SELECT last_value FROM tries")) >= 3)
        assert.equal("1,2", s:applied())
    end)

    it("makes a step, a transaction, a statement of a script begin again, not the script", function()
        s:remove("2_b.up.sql")
        s:file("2_b.up.lua", [[
-- luamig: no-transaction
log.info("begun")
local n = 0
db:step("one", function() n = n + 1 db:exec "ALTER TABLE a ADD x int" end)
assert(n > 1)
assert(db:transaction(function(...) db:exec "ALTER TABLE a ADD y int" return select("#", ...), ... end, 7, 8) == 2)
db:exec "ALTER TABLE a ADD z int"]])
        local p = s:start("up", "-v")
        p:says("attempt 3 gave way")
        other:sql("COMMIT")
        local r = p:wait()
        assert.equal(0, r.status, r.err)
        assert.equal(1, select(2, r.err:gsub("begun", "")))
        assert.equal("4", s:sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0"))
    end)

    it("makes a statement of a no-transaction file begin again, not the file", function()
        s:file("2_b.up.sql", "-- luamig: no-transaction\nSELECT nextval('tries');\nALTER TABLE a ADD x int;\nVACUUM a;")
        local p = s:start("up", "-v")
        p:says("attempt 3 gave way")
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
        assert.equal("1", s:sql("SELECT last_value FROM tries"))
    end)

    it("is tried for as long for each part of a migration, whatever the parts before took", function()
        s:file("2_b.up.sql", "-- luamig: no-transaction lock-retry=1s\nSELECT pg_sleep(1.5);\nALTER TABLE a ADD x int;")
        local p = s:start("up", "-v")
        p:says("attempt 1 gave way")
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
    end)

    it("is named when a time limit ends the wait for it", function()
        local r = s:expect(10, "up", "--lock-timeout", "0", "--migration-timeout", "1500ms")
        assert.matches("Blocked by " .. BLOCKER, r.err)
    end)

    it("makes an atomic run begin again as a whole", function()
        s:file("3_c.up.sql", "SELECT 1")
        local p = s:start("up", "-v", "--atomic")
        p:says("attempt 2 gave way")
        other:sql("COMMIT")
        local r = p:wait()
        assert.equal(0, r.status, r.err)
        assert.equal("1,2,3", s:applied())
    end)

    it("is given up at once for a signal, and by the run's limit", function()
        local p = s:start("up", "-v")
        p:says("attempt 4 gave way")
        p:kill("TERM")
        assert.equal(143, p:wait(3).status)
        assert.matches("time limit timeout = 2s", s:expect(10, "up", "--timeout", "2s").err)
        assert.equal("1", s:applied())
    end)

    it("is told as an event", function()
        local p = s:start("up", "--json")
        support.eventually(function() return select(2, p:out():gsub("migration_retried", "")) > 2 end)
        other:sql("COMMIT")
        assert.equal(0, p:wait().status)
        local event = support.json.decode(p:out():match("[^\n]*migration_retried[^\n]*"))
        assert.same({ 1, "55P03", 2 }, { event.attempt, event.error.sqlstate, event.version })
    end)
end)

describe("a failure of the moment #server", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE SEQUENCE tries; CREATE TABLE marks (n int);"):expect(0, "up")
    end)
    after_each(support.cleanup)

    for _, state in ipairs { "40P01", "40001" } do
        it("is tried again: " .. state, function()
            s:file("2_b.up.sql", "INSERT INTO marks VALUES (1); DO $$ BEGIN IF nextval('tries') < 3 THEN"
                .. " RAISE EXCEPTION"
                .. " 'not now' USING ERRCODE = '" .. state .. "'; END IF; END $$;")
            s:expect(0, "up")
            assert.equal("1|3", s:sql("SELECT (SELECT count(*) FROM marks), last_value FROM tries"))
        end)
    end

    it("of another sort is not", function()
        s:file("2_b.up.sql", "SELECT nextval('tries'); SELECT 1/0")
        s:expect(7, "up")
        assert.equal("1", s:sql("SELECT last_value FROM tries"))
    end)
end)

describe("an autovacuum that holds the table", function()
    after_each(support.cleanup)

    it("gives way to the ramp", function()
        local s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE big (id int, t text) WITH (autovacuum_vacuum_cost_delay = 100,"
            .. " autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,"
                .. " autovacuum_vacuum_scale_factor = 0);"
            .. "INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i; DELETE FROM big"
                .. " WHERE id % 2 = 0;")
        s:expect(0, "up")
        support.server_sql("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        support.server_sql("SELECT pg_reload_conf()")
        s:sql("DELETE FROM big WHERE id % 3 = 0")
        s:sees("backend_type = 'autovacuum worker' AND query ~ 'public.big'", 40)
        s:file("2_b.up.sql", "ALTER TABLE big ADD x int")
        local began = support.now()
        s:expect(0, "up")
        assert.is_true(support.now() - began < 20)
        support.server_sql("ALTER SYSTEM RESET autovacuum_naptime")
        support.server_sql("SELECT pg_reload_conf()")
    end)
end)
