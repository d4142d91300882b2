local support = require "support"

local ROW = "luamig.applied_migrations_lock"

describe("lock = lease", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("./luamig.lua", 'return { lock = "lease" }')
    end)
    after_each(support.cleanup)

    local function row(columns)
        return s:sql(("SELECT %s FROM %s WHERE name = 'run'"):format(columns, ROW))
    end

    local function held()
        return row("expires > clock_timestamp() AND outcome IS NULL") == "t"
    end

    local function steal()
        s:sql("UPDATE " .. ROW .. " SET token = 'stolen'")
    end

    it("8 runs on an empty database: all exit 0, each migration once", function()
        s:file("1_a.up.sql", "CREATE TABLE marks (v int);")
        for v = 2, 6 do s:file(v .. "_x.up.sql", ("INSERT INTO marks VALUES (%d);"):format(v)) end
        s:file("7_i.up.sql", "CREATE INDEX CONCURRENTLY marks_v ON marks (v);")
        s:file("8_s.up.sql", "BEGIN ISOLATION LEVEL SERIALIZABLE;\nINSERT INTO marks VALUES (8);\nCOMMIT;")
        s:at_once(8, "up")
        assert.equal("1,2,3,4,5,6,7,8", s:applied())
        assert.equal("2,3,4,5,6,8", s:marks())
        assert.equal("8", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"))
        assert.equal("t|1|done", row("expires <= clock_timestamp(), (SELECT count(*) FROM " .. ROW .. "), outcome"))
        assert.equal("0", s:backends(support.HOLDS_LOCK))
    end)

    it("is waited for, and the holder and its work are named; not had in lock_wait is exit 6", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(3);")
        local p = s:start("up")
        s:runs("pg_sleep")
        local r = s:expect(6, "up", "--lock-wait", "500ms")
        assert.matches("waiting for the run lock, held by pid " .. p.pid .. " on host ", r.err, 1, true)
        assert.matches("luamig %x+ up as postgres", r.err)
        assert.matches("its run is at pid %d+ .*: SELECT pg_sleep%(3%)", r.err)
        assert.matches("lock_wait = 500ms", r.err, 1, true)
        assert.equal(0, p:wait().status)
    end)

    it("of a killed run is taken over when it has expired, and said so", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(30);")
        local p = s:start("up", "--lease", "3s")
        s:runs("pg_sleep")
        p:kill("KILL")
        p:wait()
        assert.is_true(held())
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        local r = s:expect(0, "up")
        assert.matches("took over the lease of pid " .. p.pid .. " on host %S+, expired %d+ m?s ago", r.err)
        assert.equal("1", s:applied())
    end)

    it("outlasts a process that only waits, renewed by the server's clock", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(5);")
        local p = s:start("up", "--lease", "600ms")
        s:runs("pg_sleep")
        for _ = 1, 8 do
            assert.equal("t", row("expires > clock_timestamp() AND expires <= clock_timestamp() + interval '601 ms'"))
            support.sleep(0.2)
        end
        assert.equal(0, p:wait().status)
    end)

    it("is renewed while a script computes", function()
        s:file("1_a.up.lua", "local t = os.clock() + 1.2 while os.clock() < t do end")
        local p = s:start("up", "--lease", "600ms")
        support.eventually(function() return s:has(ROW) and held() end, "the lease")
        s:expect(6, "up", "--lease", "600ms", "--lock-wait", "800ms")
        assert.equal(0, p:wait().status)
    end)

    it("needs no right time of the client", function()
        -- A sanitizer's runtime must come before everything else, faketime's library too.
        if (os.getenv("LUAMIG_BUILD") or ""):find("san$") then return end
        for i, wrong in ipairs { "-1h", "+1h" } do
            s:file(i .. "_a.up.sql", "SELECT pg_sleep(2.5)")
            local p = s:start("up", "--lease", "1500ms", { shell = "faketime -f " .. wrong })
            s:runs("pg_sleep")
            s:expect(6, "up", "--lock-wait", "200ms", "--lease", "1500ms")
            assert.equal(0, p:wait().status)
            assert.equal("t", row("abs(extract(epoch FROM clock_timestamp() - acquired)) < 60"))
        end
        assert.equal("1,2", s:applied())
    end)

    it("stolen while a statement runs: stops within seconds, nothing commits, exit 6", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();\nSELECT pg_sleep(30);", ["2_b.up.sql"] = "" }
        local p = s:start("up", "--json")
        s:runs("pg_sleep")
        local began = support.now()
        steal()
        local r = p:wait(10)
        assert.is_true(support.now() - began < 2.5)
        assert.equal(6, r.status)
        assert.matches("the lease of the run lock was lost", r.err)
        assert.matches("1 was rolled back", r.err)
        assert.matches('"outcome":"failed"', r.out, 1, true)
        assert.matches('"exit":6', r.out, 1, true)
        assert.equal("", s:applied())
        assert.is_false(s:has("a"))
        assert.equal("stolen", row("token"))
    end)

    for _, modes in ipairs { "READ COMMITTED", "SERIALIZABLE", "REPEATABLE READ" } do
        it("stolen by the migration itself (" .. modes .. "): COMMIT is not reached, exit 6", function()
            s:sql("CREATE EXTENSION dblink")
            local url = ("dbname=%s"):format(s.name)
            s:file("1_a.up.sql", ("BEGIN ISOLATION LEVEL %s;\nCREATE TABLE a ();\nSELECT dblink_exec('%s',"
                .. " $$UPDATE %s SET token = 'stolen'$$);\nCOMMIT;"):format(modes,
                url .. " host=" .. support.server:match("host=([^&]+)") .. " user=postgres port="
                .. support.server:match("port=(%d+)"), ROW))
            local r = s:expect(6, "up")
            assert.matches("run lock was lost", r.err)
            assert.equal("", s:applied())
            assert.is_false(s:has("a"))
        end)
    end

    it("stolen by a statement of a no-transaction file: that one is undone, exit 9", function()
        s:sql("CREATE EXTENSION dblink")
        local conninfo = ("dbname=%s host=%s port=%s user=postgres"):format(s.name,
            support.server:match("host=([^&]+)"), support.server:match("port=(%d+)"))
        local theft = ("SELECT dblink_exec('%s', $$UPDATE %s SET token = 'stolen'$$)"):format(conninfo, ROW)
        s:file("1_a.up.sql", "-- luamig: no-transaction\nCREATE TABLE a ();\nCREATE TABLE b AS " .. theft
            .. ";\nCREATE TABLE c ();")
        local r = s:expect(9, "up")
        assert.matches("run lock was lost", r.err)
        assert.equal("t|f|f", s:sql("SELECT to_regclass('a') IS NOT NULL, to_regclass('b') IS NOT NULL,"
            .. " to_regclass('c') IS NOT NULL"))
    end)

    it("stolen during a SERIALIZABLE migration: exit 6", function()
        s:file("1_a.up.sql", "BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a ();\nSELECT pg_sleep(30);\nCOMMIT;")
        local p = s:start("up")
        s:runs("pg_sleep")
        steal()
        assert.equal(6, p:wait(5).status)
        assert.equal("", s:applied())
        s:file("1_a.up.sql", "BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a ();\nSELECT pg_sleep(1.5);\nCOMMIT;")
        s:sql("DELETE FROM " .. ROW)
        s:expect(0, "up", "--lease", "600ms")
        assert.equal("1", s:applied())
    end)

    it("stolen during a Lua migration, an atomic run, a run to be undone: 6, 6, 9, as far as nothing stays", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["1_a.down.sql"] = "DROP TABLE a;",
            ["2_b.up.lua"] = "db:exec 'CREATE TABLE b ()' log.info 'in two' db:exec 'SELECT pg_sleep(20)'",
            ["2_b.down.sql"] = "DROP TABLE b;" }
        local function robbed(...)
            local p = s:start("up", ...)
            p:says("in two")
            steal()
            return p:wait(10)
        end
        assert.equal(6, robbed("--atomic").status)
        assert.equal("", s:applied())
        local function free()
            s:sql("UPDATE " .. ROW .. " SET expires = clock_timestamp() - interval '1 s'")
        end
        free()
        assert.equal(6, robbed().status)
        assert.equal("1", s:applied())
        assert.is_false(s:has("b"))
        free()
        s:expect(0, "down")
        local r = robbed("--rollback")
        assert.equal(9, r.status)
        assert.matches("not restored: 1 of this run still applied", r.err)
        assert.equal("1", s:applied())
    end)

    it("stolen between statements: what is done stays recorded, exit 9, and up goes on", function()
        s:file("1_a.up.sql", "-- luamig: no-transaction\nCREATE TABLE a ();\nSELECT pg_sleep(30);\nCREATE TABLE b ();")
        local p = s:start("up")
        s:runs("pg_sleep")
        steal()
        local r = p:wait(5)
        assert.equal(9, r.status, r.err)
        assert.matches("goes on behind what was recorded", r.err)
        assert.is_true(s:has("a"))
        assert.is_false(s:has("b"))
        s:sql("DELETE FROM " .. ROW)
        s:file("1_a.up.sql", "-- luamig: no-transaction\nCREATE TABLE a ();\nSELECT 1;\nCREATE TABLE b ();")
        s:expect(0, "up")
        assert.equal("1", s:applied())
    end)

    it("stolen before anything was recorded of a no-transaction file: exit 6", function()
        s:file("1_a.up.sql", "-- luamig: no-transaction\nSELECT pg_sleep(30);")
        local p = s:start("up")
        s:runs("pg_sleep")
        steal()
        assert.equal(6, p:wait(5).status)
    end)

    it("of a stopped process passes on, and the process does not commit when it goes on", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(3);\nCREATE TABLE a ();")
        local p = s:start("up", "--lease", "600ms")
        s:runs("pg_sleep")
        p:kill("STOP")
        support.eventually(function() return not held() end, "the end of the lease")
        p:kill("CONT")
        local r = p:wait(10)
        assert.equal(6, r.status, r.err)
        assert.is_false(s:has("a"))
    end)

    it("is read as luamig's role, whatever role a file sets", function()
        s:sql("DROP ROLE IF EXISTS lease_nobody; CREATE ROLE lease_nobody;"
            .. " CREATE SCHEMA mine AUTHORIZATION lease_nobody")
        s:file("1_a.up.sql", "SET ROLE lease_nobody;\nCREATE TABLE mine.a (x int);")
        s:file("2_b.up.sql", "-- luamig: no-transaction\nSET ROLE lease_nobody;\nCREATE TABLE mine.b (x int);\n"
            .. "CREATE INDEX CONCURRENTLY ON mine.b (x);\nBEGIN;\nSET ROLE postgres;\nSET ROLE lease_nobody;\n"
            .. "CREATE TABLE mine.c ();\nCOMMIT;\nCREATE TABLE mine.d ();")
        s:expect(0, "up")
        assert.equal("lease_nobody", s:sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'mine'"))
        s:sql("DROP SCHEMA mine CASCADE; DROP ROLE lease_nobody")
    end)

    it("may go with luamig's schema in the last down", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        s:file("1_a.down.sql", "DROP TABLE a;\nDROP SCHEMA luamig CASCADE;")
        s:expect(0, "up")
        s:expect(0, "down", "--all", "--yes")
        assert.is_false(s:has("a"))
        assert.is_false(s:has(ROW))
        s:expect(0, "up")
        assert.equal("1", s:applied())
    end)

    it("is freed within a second by a signal", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(30);")
        local p = s:start("up")
        s:runs("pg_sleep")
        p:kill("TERM")
        assert.equal(143, p:wait(3).status)
        assert.equal("f|signal", row("expires > clock_timestamp(), outcome"))
    end)

    it("holds up no CREATE INDEX CONCURRENTLY: 20 rounds of 8 instances", function()
        s:file("001_t.up.sql", "CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g;")
        s:expect(0, "up")
        for round = 1, 20 do
            s:file(("%03d_i.up.sql"):format(round + 1), ("CREATE INDEX CONCURRENTLY t_%d ON t (a);"):format(round))
            s:at_once(8, "up", "--lease", "3s", { seconds = 20 })
        end
        assert.equal("20|t", s:sql("SELECT count(*), bool_and(indisvalid) FROM pg_index"
            .. " WHERE indrelid = 't'::regclass"))
    end)

    it("works whatever the role's defaults are", function()
        s:sql("ALTER DATABASE " .. s.name .. " SET default_transaction_isolation = 'serializable'")
        s:sql("ALTER DATABASE " .. s.name .. " SET default_transaction_read_only = on")
        s:file("1_a.up.sql", "CREATE TABLE a ();\nSELECT pg_sleep(1);")
        s:expect(0, "up", "--lease", "600ms")
        assert.equal("1", s:applied())
    end)

    it("too short to be kept is refused", function()
        assert.matches("lease must be 100ms or more", s:expect(2, "up", "--lease", "0").err)
    end)
end)

describe("luamig lock #server", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("shows leases with the outcome of the last run", function()
        assert.matches("nobody holds the run lock", s:expect(0, "lock", "--lock", "lease").out)
        assert.is_false(s:has("luamig.applied_migrations"))
        s:file("1_a.up.sql", "SELECT 1/0;")
        s:expect(7, "up", "--lock", "lease")
        local out = s:expect(0, "lock", "--lock", "lease").out
        assert.matches("^run  free  pid %d+ on host %S+  luamig %x+ up as postgres  since %S+  failed %S+Z\n", out)
        assert.matches("nobody holds the run lock", out)
        local doc = s:json("lock", "--lock", "lease", "--json")
        assert.equal("lease", doc.lock)
        assert.is_false(doc.held)
        assert.equal("failed", doc.locks[1].outcome)
        s:file("1_a.up.sql", "SELECT pg_sleep(30);")
        local p = s:start("up", "--lock", "lease")
        support.eventually(function() return s:json("lock", "--lock", "lease", "--json").held end)
        doc = s:json("lock", "--lock", "lease", "--json")
        assert.equal("held", doc.locks[1].state)
        assert.equal(p.pid, doc.locks[1].pid)
        out = s:expect(0, "lock", "--lock", "lease").out
        assert.matches("^run  held  pid %d+ on host %S+  .*  expires %S+Z\n$", out)
    end)

    it("--release frees the lease of a run that is gone, when it is told to", function()
        assert.matches("nobody holds", s:expect(0, "lock", "--release", "--lock", "lease").err)
        s:file("1_a.up.sql", "SELECT pg_sleep(30);")
        local p = s:start("up", "--lock", "lease")
        support.eventually(function() return s:json("lock", "--lock", "lease", "--json").held end)
        p:kill("KILL")
        p:wait()
        local r = s:expect(2, "lock", "--release", "--lock", "lease")
        assert.matches("held by pid " .. p.pid .. " on host", r.err, 1, true)
        assert.matches("Say --yes", r.err, 1, true)
        s:expect(6, "up", "--lock", "lease", "--lock-wait", "100ms")
        r = s:expect(0, "lock", "--release", "--yes", "--lock", "lease")
        assert.matches("released the run lock, held by pid " .. p.pid, r.err, 1, true)
        s:file("1_a.up.sql", "")
        s:expect(0, "up", "--lock", "lease")
    end)

    it("--release stops a run that is not gone", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(30);")
        local p = s:start("up", "--lock", "lease")
        support.eventually(function() return s:json("lock", "--lock", "lease", "--json").held end)
        s:expect(0, "lock", "--release", "--yes", "--lock", "lease")
        assert.equal(6, p:wait(5).status)
        assert.equal("released by hand", s:json("lock", "--lock", "lease", "--json").locks[1].outcome)
    end)

    it("names the holder of an advisory lock, which cannot be released", function()
        assert.matches("nobody holds", s:expect(0, "lock").out)
        local other = s:session("the other deploy")
        other:lock()
        assert.matches("held by pid %d+ %('the other deploy' as postgres", s:expect(0, "lock").out)
        assert.matches("the other deploy", s:json("lock", "--json").holder)
        local r = s:expect(4, "lock", "--release", "--yes")
        assert.matches("an advisory lock ends with its session", r.err)
        assert.matches("the other deploy", r.err)
        assert.matches("no run lock is taken", s:expect(0, "lock", "--lock", "none").out)
    end)
end)
