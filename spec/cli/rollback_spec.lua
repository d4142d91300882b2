local support = require "support"

describe("luamig up --rollback", function()
    local s
    before_each(function()
        s = support.scratch()
    end)
    after_each(support.cleanup)

    -- Everything that a migration may change, as text.
    local function state()
        return s:sql("SELECT c.relname, c.relkind FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
            .. " ORDER BY 1") .. "|" .. s:applied() .. "|"
            .. s:sql("SELECT count(*) FROM luamig.applied_migrations_steps")
    end

    local function table_pair(v, extra)
        s:files { [v .. "_t.up.sql"] = ("CREATE TABLE t%d ();%s"):format(v, extra or ""),
            [v .. "_t.down.sql"] = ("DROP TABLE t%d;"):format(v) }
    end

    -- Version 1 is there, and the tables of luamig with it.
    local function base()
        s:files { ["1_t.up.sql"] = "CREATE TABLE t1 (a int); VACUUM t1;", ["1_t.down.sql"] = "DROP TABLE t1" }
        s:expect(0, "up")
    end

    for name, failing in pairs {
        ["SQL"] = { ["4_x.up.sql"] = "CREATE TABLE half (); SELECT 1/0", ["4_x.down.sql"] = "" },
        ["Lua"] = { ["4_x.up.lua"] = "db:exec 'CREATE TABLE half ()' error 'no'", ["4_x.down.lua"] = "" },
    } do
        it("undoes exactly what this run applied when the third of five fails: " .. name, function()
            base()
            local before = state()
            table_pair(2)
            s:files { ["3_b.up.lua"] = "db:exec 'CREATE TABLE t3 ()'", ["3_b.down.lua"] = "db:exec 'DROP TABLE t3'" }
            s:files(failing)
            table_pair(5)
            table_pair(6)
            local r = s:expect(8, "up", "--rollback")
            assert.matches("undoing 2 migrations of this run\nundone 3_b.-\nundone 2_t.-\n", r.err)
            assert.matches("restored: 3, 2 undone by their downs", r.err)
            assert.matches("0 applied, 5 pending", r.err)
            assert.equal(before, state())
            assert.equal("up,up,failed,down,down", s:sql("SELECT string_agg(CASE outcome WHEN 'failed' THEN outcome"
                .. " ELSE action END, ',' ORDER BY id) FROM luamig.applied_migrations_history WHERE version > 1"))
        end)
    end

    it("undoes what is half done first, by its own down, then resumes from nothing #server", function()
        base()
        local before = state()
        table_pair(2)
        s:files { ["3_x.up.sql"] = "-- luamig: no-transaction\nCREATE TABLE half (a int);"
                .. "CREATE INDEX CONCURRENTLY half_a ON half (a); SELECT 1/(SELECT count(*) FROM t1);",
            ["3_x.down.sql"] = "DROP TABLE half" }
        local r = s:expect(8, "up", "--rollback")
        assert.matches("undone 3_x.-undone 2_t.-restored: 3, 2 undone by their downs", r.err)
        assert.equal(before, state())
        s:sql("INSERT INTO t1 VALUES (1)")
        s:expect(0, "up", "--rollback")
        assert.equal("1,2,3", s:applied())
    end)

    it("undoes a script without a transaction that failed in the middle", function()
        base()
        local before = state()
        s:files { ["2_x.up.lua"] = "-- luamig: no-transaction\ndb:step('a', function() db:exec 'CREATE TABLE"
            .. " half ()' end)\n"
                .. "db:exec 'CREATE TABLE quarter ()' error 'no'",
            ["2_x.down.lua"] = "db:exec 'DROP TABLE half, quarter'" }
        assert.matches("error: no\n", s:expect(8, "up", "--rollback").err)
        assert.equal(before, state())
    end)

    it("counts a blank down, and says that it is empty", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ()", ["1_a.down.sql"] = "", ["2_b.up.sql"] = "SELECT 1/0",
            ["2_b.down.sql"] = "" }
        local r = s:expect(8, "up", "--rollback")
        assert.matches("restored: 1 undone by its down (the down of 1 is empty)", r.err, 1, true)
        assert.equal("", s:applied())
    end)

    it("names the invalid index that is left behind", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a (n int); INSERT INTO a VALUES (1), (1)", ["1_a.down.sql"] = "",
            ["2_b.up.lua"] = "-- luamig: no-transaction\ndb:exec [[UPDATE pg_index SET indisvalid = false "
                .. "WHERE indexrelid = 'a_n'::regclass]] error 'no'", ["2_b.down.sql"] = "" }
        s:file("1_b.up.sql", "")
        s:remove("1_b.up.sql")
        s:file("1_a.up.sql", "CREATE TABLE a (n int); CREATE INDEX a_n ON a (n)")
        assert.matches("left behind: invalid index public.a_n", s:expect(8, "up", "--rollback").err, 1, true)
    end)

    it("refuses beforehand what has no down, or is irreversible", function()
        table_pair(1)
        s:file("2_b.up.sql", "CREATE TABLE b ()")
        local r = s:expect(4, "up", "--rollback")
        assert.matches("2_b has no down", r.err)
        s:files { ["2_b.up.sql"] = "-- luamig: irreversible=\"gone\"\nCREATE TABLE b ()", ["2_b.down.sql"] = "" }
        assert.matches("2_b is irreversible", s:expect(4, "up", "--on-failure", "rollback").err)
        s:files { ["2_b.up.sql"] = "CREATE TABLE b ()", ["2_b.down.sql"] = "DROP TABEL b" }
        assert.matches("2_b.down.sql:1", s:expect(4, "up", "--rollback").err, 1, true)
        assert.is_false(s:has("t1"))
        assert.matches("2_b has no down", (function()
            s:remove("2_b.down.sql")
            s:file("2_b.up.sql", "CREATE TABLE b ()")
            return s:expect(4, "plan", "--on-failure", "rollback").err
        end)())
    end)

    it("ends with 9 when an undo fails, and says what is left and what to run", function()
        for v = 1, 2 do table_pair(v) end
        s:files { ["3_x.up.sql"] = "SELECT 1/0", ["3_x.down.sql"] = "", ["2_t.down.sql"] = "DROP TABLE nowhere" }
        local r = s:expect(9, "up", "--rollback")
        assert.matches('error: division by zero.-error: table "nowhere" does not exist', r.err)
        assert.matches("not restored: 2 of this run still applied; after the fix run `luamig down --count 2`",
            r.err, 1, true)
        assert.equal("1,2", s:applied())
        s:expect(0, "mark", "pending", "1", "2")
        s:sql("DROP TABLE t1, t2")
        s:files { ["2_t.down.sql"] = "DROP TABLE t2", ["1_t.down.sql"] = "DROP TABLE nowhere" }
        r = s:expect(9, "up", "--rollback")
        assert.matches("undone 2_t.-not restored: 1 of this run still applied", r.err)
        assert.equal("1", s:applied())
    end)

    it("undoes nothing lower when the half-done one cannot be undone", function()
        table_pair(1)
        s:files { ["2_x.up.sql"] = "-- luamig: no-transaction\nCREATE TABLE half (); SELECT 1/0",
            ["2_x.down.sql"] = "DROP TABLE nowhere" }
        local r = s:expect(9, "up", "--rollback")
        assert.matches("not restored: 2 is half done, 1 of this run still applied", r.err)
        assert.equal("1", s:applied())
        assert.is_true(s:has("half"))
        assert.matches("version 2 is half done", s:expect(4, "down").err)
    end)

    it("goes back after the migration's and the run's time limit", function()
        table_pair(1)
        s:files { ["2_x.up.sql"] = "SELECT pg_sleep(20)", ["2_x.down.sql"] = "" }
        assert.matches("migration_timeout.-restored",
            s:expect(8, "up", "--rollback", "--migration-timeout", "300ms").err)
        assert.matches("time limit timeout.-restored", s:expect(8, "up", "--rollback", "--timeout", "300ms").err)
        assert.equal("", s:applied())
    end)

    it("goes back after SIGTERM; a second one in the middle of that ends with 9", function()
        table_pair(1)
        s:files { ["2_x.up.lua"] = "log.info('in two') db:exec 'SELECT pg_sleep(20)'", ["2_x.down.sql"] = "" }
        local p = s:start("up", "--rollback")
        p:says("in two")
        p:kill("TERM")
        local r = p:wait(5)
        assert.equal(143, r.status)
        assert.matches("restored: 1 undone", r.err)
        assert.equal("", s:applied())
        s:files { ["1_t.down.sql"] = "SELECT pg_sleep(5); DROP TABLE t1" }
        p = s:start("up", "--rollback")
        p:says("in two")
        p:kill("TERM")
        p:says("undoing 1 migration")
        p:kill("TERM")
        assert.equal(9, p:wait(3).status)
        assert.matches("second signal in the middle of the undo\n  not restored: ", p:err())
        assert.equal("1", s:applied())
    end)

    it("as PID 1 of a container: SIGTERM, cancelled and rolled back all the same", function()
        if not os.execute("unshare --pid --fork true 2>/dev/null") then return pending("unshare is not"
            .. " allowed here") end
        table_pair(1)
        s:files { ["2_x.up.lua"] = "log.info('in two') db:exec 'SELECT pg_sleep(20)'", ["2_x.down.sql"] = "" }
        local p = s:start("up", "--rollback", { shell = "unshare --pid --fork --kill-child" })
        p:says("in two")
        os.execute(("pkill -TERM -P %d"):format(p.pid))
        assert.equal(143, p:wait(10).status)
        assert.matches("restored: 1 undone", p:err())
        assert.equal("", s:applied())
    end)

    it("leaves alone what another instance applied meanwhile #server", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a (n int); INSERT INTO a VALUES (1)",
            ["1_a.down.sql"] = "DROP TABLE a",
            ["2_b.up.sql"] = "SELECT pg_sleep(1); CREATE TABLE b ()", ["2_b.down.sql"] = "DROP TABLE b" }
        local first = s:start("up", "--rollback", "--to", "2")
        s:file("3_c.up.sql", "SELECT 1/0")
        s:file("3_c.down.sql", "")
        local second = s:start("up", "--rollback")
        assert.equal(0, first:wait().status)
        assert.equal(8, second:wait().status)
        assert.equal("1,2", s:applied())
        assert.equal("1", s:sql("SELECT n FROM a"))
    end)

    it("without a run lock leaves alone what a rival applied in its place", function()
        s:files { ["1_a.up.sql"] = "SELECT pg_sleep(1); CREATE TABLE a ()", ["1_a.down.sql"] = "DROP TABLE a" }
        local first = s:start("up", "--lock", "none")
        s:sees(support.SLEEPS)
        s:files { ["2_b.up.sql"] = "SELECT 1/0", ["2_b.down.sql"] = "" }
        local r = s:expect(8, "up", "--lock", "none", "--rollback")
        assert.matches("applied by another run", r.err)
        assert.equal(0, first:wait().status)
        assert.equal("1", s:applied())
        assert.is_true(s:has("a"))
    end)

    it("writes events and the outcome as JSON", function()
        table_pair(1)
        s:files { ["2_x.up.sql"] = "SELECT 1/0", ["2_x.down.sql"] = "" }
        local r = s:expect(8, "up", "--rollback", "--json")
        local last = support.json.decode(r.out:match("[^\n]+\n$"))
        assert.same({ "restored", 0, 1, 2, 8 }, { last.outcome, last.applied, last.undone, last.pending, last.exit })
        assert.matches('"text":"undoing what this run applied","level":"note"', r.out, 1, true)
        assert.matches('"migration_undone"[^\n]*"file":"migrations/1_t.down.sql","direction":"down"', r.out)
        assert.equal("22012", last.error.sqlstate)
    end)
end)

describe("luamig up --atomic", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("is all in one transaction, SQL and Lua #server", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a (n int); SET search_path = pg_catalog; SET ROLE"
            .. " pg_monitor; PREPARE p AS SELECT 1;",
            ["2_b.up.lua"] = "db:exec 'PREPARE p AS SELECT 1; INSERT INTO a VALUES (1)'",
            ["3_c.up.sql"] = "SELECT 1/n FROM a" }
        local r = s:expect(0, "up", "--atomic")
        assert.matches("applied 1_a.-applied 2_b.-applied 3_c.-3 applied, 0 pending", r.err)
        assert.equal("1", s:sql("SELECT count(DISTINCT xmin::text) FROM luamig.applied_migrations"))
        assert.equal("3", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"))
    end)

    it("leaves nothing when one fails, also at COMMIT, by a limit or a signal", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
            ["2_b.up.sql"] = "INSERT INTO a VALUES (1), (1)" }
        local r = s:expect(8, "up", "--atomic")
        assert.matches("[23505]", r.err, 1, true)
        assert.matches("restored: the run was one transaction", r.err)
        assert.matches("0 applied, 2 pending", r.err)
        s:file("2_b.up.sql", "SELECT pg_sleep(20)")
        s:expect(8, "up", "--atomic", "--migration-timeout", "200ms")
        s:file("2_b.up.lua", "log.info 'in two' while true do end")
        s:remove("2_b.up.sql")
        local p = s:start("up", "--atomic")
        p:says("in two")
        p:kill("TERM")
        assert.equal(143, p:wait(5).status)
        assert.equal("", s:applied())
        assert.is_false(s:has("a"))
        assert.equal("2,2,2", s:sql("SELECT string_agg(version::text, ',') FROM luamig.applied_migrations_history"))
    end)

    it("refuses beforehand what cannot run in it", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a (n int)", ["2_b.up.sql"] = "CREATE INDEX CONCURRENTLY i ON a (n)" }
        assert.matches("2_b cannot run in one transaction with others", s:expect(4, "up", "--atomic").err)
        assert.is_false(s:has("a"))
        s:expect(2, "up", "--atomic", "--rollback")
    end)

    it("says what shows only together", function()
        s:file("1_a.up.sql", "CREATE TYPE mood AS ENUM ('a')")
        s:expect(0, "up")
        s:files { ["2_b.up.sql"] = "ALTER TYPE mood ADD VALUE 'b'", ["3_c.up.sql"] = "SELECT 'b'::mood" }
        assert.matches("without %-%-atomic", s:expect(8, "up", "--atomic").err)
        assert.equal("1", s:applied())
    end)

    it("commits nothing that drops luamig's own record", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ()",
            ["2_b.up.sql"] = "DELETE FROM luamig.applied_migrations WHERE version = 1" }
        s:expect(8, "up", "--atomic")
        assert.is_false(s:has("a"))
    end)
end)
