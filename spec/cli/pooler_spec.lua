local support = require "support"

describe("behind a pooler", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    for _, mode in ipairs { "transaction", "session" } do
        for _, lock in ipairs { "advisory", "lease" } do
            it(("eight runs at once apply each migration exactly once: %s, %s"):format(mode, lock), function()
                s:pool { mode = mode, size = mode == "session" and 40 or 6 }
                s:file("1_a.up.sql", "CREATE TABLE marks (v int);")
                for v = 2, 6 do s:file(v .. "_x.up.sql", ("INSERT INTO marks VALUES (%d);"):format(v)) end
                s:file("7_i.up.sql", "CREATE INDEX CONCURRENTLY marks_v ON marks (v);")
                s:file("8_x.up.lua", "-- luamig: no-transaction\n"
                    .. "db:step('one', function() db:exec 'INSERT INTO marks VALUES (8)' end)")
                for _, r in ipairs(s:at_once(8, "up", "--lock", lock)) do
                    assert.matches("connected through a pooler", r.err)
                end
                assert.equal("2,3,4,5,6,8", s:marks())
                assert.equal("8", s:sql("SELECT count(*) FROM luamig.applied_migrations"))
                assert.is_true(s:is_valid("marks_v"))
            end)
        end
    end

    it("#server nothing is left in the pool: settings, locks, temporary tables, prepared statements", function()
        s:sql("ALTER ROLE postgres IN DATABASE " .. s.name .. " SET statement_timeout = '50s'")
        local pool = s:pool { size = 3, settings = "server_idle_timeout = 0" }
        local look = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings"
            .. " WHERE source = 'session' AND name !~ '^(application_name|client_encoding|transaction_.*)$';"
            .. " SELECT count(*) FROM pg_prepared_statements; SELECT count(*) FROM pg_listening_channels();"
            .. " SELECT count(*) FROM pg_class WHERE relpersistence = 't'; SELECT current_setting('my.own', true);"
            .. " SELECT current_user, current_setting('statement_timeout'), current_setting('search_path');"
            .. " SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            .. " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        local clean = pool:sql("BEGIN;" .. look)
        s:files {
            ["1_a.up.sql"] = "CREATE ROLE " .. s.name .. "; CREATE SCHEMA app; CREATE TEMP TABLE t (v int);"
                .. "SET search_path = app; SET my.own = 'x'; SET statement_timeout = '1h'; LISTEN here;"
                .. "PREPARE one AS SELECT 1; SELECT pg_advisory_lock(7); SET ROLE " .. s.name .. ";"
                .. "DECLARE c CURSOR WITH HOLD FOR SELECT 1;",
            ["2_i.up.sql"] = "CREATE TABLE a (v int); CREATE INDEX CONCURRENTLY a_v ON a (v);"
                .. "DO $$ BEGIN PERFORM set_config('my.own', 'y', false); PERFORM pg_advisory_lock(8); END $$;"
                .. "DO $$ BEGIN PERFORM set_config('my.own', 'y', false); COMMIT; END $$; VACUUM a;",
            ["3_l.up.lua"] = "db:exec [[SET work_mem = '1GB']] db:exec [[CREATE TEMP TABLE u ()]]"
                .. " db:copy_in { 'a', rows = { { 1 }, { 2 } } } db:exec [[SELECT pg_advisory_lock(9)]]",
            ["4_c.up.sql"] = "SET my.own = 'z'; COPY a FROM STDIN;\n1\n\\.\n",
            ["5_f.up.sql"] = "PREPARE two AS SELECT 1; SET my.own = 'z'; SELECT pg_advisory_lock(10); SELECT 1/0;",
        }
        s:expect(7, "up")
        assert.equal("1,2,3,4", s:applied())
        s:remove("5_f.up.sql")
        s:file("6_n.up.lua", "-- luamig: no-transaction\ndb:step('a', function() db:exec 'CREATE TEMP TABLE w ()' end)"
            .. " db:exec 'CREATE INDEX CONCURRENTLY ON a (v)'")
        s:expect(0, "up", "--lock", "lease")
        -- Several clients at once see every backend of the pool.
        local sessions = {}
        for i = 1, 3 do
            sessions[i] = s:session("app", pool.url)
            sessions[i]:sql("BEGIN;" .. look)
        end
        for i = 1, 3 do
            assert.equal(clean .. "\n", (sessions[i]:out():gsub("mark%-1\n", "")))
        end
        s:sql("DROP ROLE " .. s.name)
    end)

    it("#server a setting of the role that stands in the way is overruled, and stands again afterwards", function()
        s:sql("ALTER ROLE postgres IN DATABASE " .. s.name .. " SET lock_timeout = '1ms';"
            .. "ALTER ROLE postgres IN DATABASE " .. s.name .. " SET default_transaction_read_only = on;"
            .. "ALTER ROLE postgres IN DATABASE " .. s.name .. " SET idle_in_transaction_session_timeout = '100ms'")
        local pool = s:pool { size = 2 }
        s:file("1_a.up.sql", "CREATE TABLE a (v int); SELECT pg_sleep(0.3);")
        s:file("2_i.up.sql", "CREATE INDEX CONCURRENTLY a_v ON a (v);")
        s:expect(0, "up")
        assert.equal("1ms|on", pool:sql("SELECT current_setting('lock_timeout'),"
            .. " current_setting('default_transaction_read_only')"))
    end)

    it("a pool of one is exit 5, for either lock", function()
        s:pool { size = 1 }
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        for _, lock in ipairs { "advisory", "lease" } do
            local r = s:expect(5, "up", "--lock", lock)
            assert.matches("no server connection free in 5 s: a pool of one, or all in use", r.err)
            assert.matches("needs two, three to show progress", r.err)
        end
        assert.is_false(s:has("luamig.applied_migrations"))
        s:expect(0, "up", "--lock", "none")
        assert.equal("1", s:applied())
    end)

    it("statement pooling is exit 5", function()
        s:pool { mode = "statement" }
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        for _, command in ipairs { "up", "status" } do
            local r = s:expect(5, command)
            assert.matches("pools by statement", r.err)
            assert.matches("direct connection", r.err)
        end
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    it("a startup parameter that it refuses is exit 5 with the way out", function()
        local pool = s:pool()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        local r = s:expect(5, "up", { env = { LUAMIG_DATABASE = pool.url .. "&options=-csearch_path%3Dapp" } })
        assert.matches("unsupported startup parameter: options", r.err)
        assert.matches("Leave it out of the URL", r.err)
    end)

    for what, text in pairs {
        ["SET"] = "SET search_path = app;",
        ["set_config()"] = "SELECT set_config('search_path', 'app', false);",
        ["PREPARE"] = "PREPARE one AS SELECT 1;",
        ["CREATE TEMP"] = "CREATE TEMP TABLE t ();",
        ["SET in a block"] = "BEGIN;\nSET search_path = app;\nCOMMIT;",
        ["DISCARD ALL"] = "DISCARD ALL;",
    } do
        it(what .. " in a file in statements mode is refused before anything runs", function()
            s:pool()
            s:file("1_a.up.sql", "CREATE TABLE a ();")
            s:file("2_s.up.sql", "VACUUM;\n" .. text .. "\nCREATE TABLE b ();")
            local r = s:expect(4, "up")
            assert.matches("would be lost behind a pooler", r.err)
            assert.matches("2_s.up.sql:[23]", r.err)
            assert.matches("direct connection", r.err)
            assert.is_false(s:has("a"))
        end)
    end

    it("SET in a script without a transaction is refused, SET LOCAL is not", function()
        s:pool()
        s:file("1_a.up.lua", "-- luamig: no-transaction\n"
            .. "db:step('a', function() db:exec [[SET LOCAL search_path = pg_catalog]] end)\n"
            .. "db:exec [[SET search_path = pg_catalog]]")
        local r = s:expect(7, "up")
        assert.matches("a setting of the session behind a pooler", r.err)
        assert.matches("1_a.up.lua:3", r.err)
    end)

    it("CREATE INDEX CONCURRENTLY waits for no other run that waits for it", function()
        s:pool { size = 10 }
        s:file("1_a.up.sql", "CREATE TABLE a (v int); INSERT INTO a SELECT generate_series(1, 1000);")
        for v = 2, 9 do s:file(v .. "_i.up.sql", ("CREATE INDEX CONCURRENTLY a_%d ON a (v);"):format(v)) end
        s:at_once(6, "up", { seconds = 30 })
        assert.equal("8", s:sql("SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass AND indisvalid"))
    end)

    it("what holds the lock has a transaction open, without a snapshot", function()
        s:pool()
        s:file("1_a.up.sql", "SELECT pg_sleep(1);")
        local p = s:start("up")
        local seen = support.eventually(function()
            local text = s:backends(support.HOLDS_LOCK, "DISTINCT state, backend_xmin IS NULL")
            return text:find("idle in transaction", 1, true) and text
        end)
        assert.equal("idle in transaction|t", seen)
        assert.equal(0, p:wait().status)
    end)

    it("SIGTERM cancels what runs, in a transaction and outside of one, and nobody else", function()
        local pool = s:pool { size = 4 }
        s:file("1_a.up.sql", "CREATE TABLE a (v int); INSERT INTO a VALUES (1);")
        s:file("2_s.up.sql", "CREATE TABLE b (); SELECT pg_sleep(60);")
        local app = s:session("app", pool.url)
        app:send("SELECT pg_sleep(2); \\echo undisturbed")
        local p = s:start("up")
        p:says("applied 1_a")
        p:kill("TERM")
        assert.equal(143, p:wait(10).status)
        assert.is_false(s:has("b"))
        assert.equal("1", s:applied())
        s:remove("2_s.up.sql")
        s:file("2_i.up.sql", "CREATE INDEX CONCURRENTLY a_v ON a (v);")
        local reader = s:session("reader")
        reader:sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM a")
        p = s:start("up")
        support.eventually(function()
            return s:sql("SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('a_v')") == "1"
        end)
        p:kill("TERM")
        assert.equal(143, p:wait(10).status)
        support.eventually(function() return app:out():find("undisturbed", 1, true) end)
        reader:sql("COMMIT")
        s:expect(0, "up")
        assert.is_true(s:is_valid("a_v"))
    end)

    it("SIGTERM at any moment: applied or not, never in between; the application notices nothing", function()
        local pool = s:pool { size = 4 }
        s:file("1_a.up.sql", "CREATE TABLE marks (v int);")
        s:expect(0, "up")
        for v = 2, 40 do
            s:file(v .. "_m.up.sql", ("INSERT INTO marks VALUES (%d); SELECT pg_sleep(0.01);"):format(v))
        end
        local app = s:session("app", pool.url)
        app:send(("SELECT pg_sleep(0.01);\n"):rep(300))
        math.randomseed(7)
        for _ = 1, 12 do
            local p = s:start("up")
            support.sleep(0.02 + math.random() * 0.2)
            p:kill("TERM")
            local r = p:wait(20)
            assert.is_true(r.status == 143 or r.status == 0, r.err)
            assert.equal(s:sql("SELECT count(*) FROM marks"),
                s:sql("SELECT count(*) FROM luamig.applied_migrations WHERE version > 1"))
        end
        s:expect(0, "up")
        assert.equal("39|39", s:sql("SELECT count(*), count(DISTINCT v) FROM marks"))
        app:sql("SELECT 1")
        assert.is_nil(app:out():find("ERROR", 1, true), app:out())
    end)

    it("#server kill -9 under CREATE INDEX CONCURRENTLY: the next run waits, others see nothing", function()
        local pool = s:pool { size = 3 }
        s:file("1_a.up.sql", "CREATE TABLE a (v int); INSERT INTO a VALUES (1);")
        s:expect(0, "up")
        s:file("2_i.up.sql", "CREATE INDEX CONCURRENTLY a_v ON a (v);")
        local old = s:session("old")
        old:sql("BEGIN; UPDATE a SET v = 2")
        local p = s:start("up")
        s:runs("CREATE INDEX")
        p:kill("KILL")
        for i = 1, 4 do assert.equal(tostring(i), pool:sql("SELECT " .. i)) end
        p = s:start("up")
        p:says("which still runs statement 1")
        old:sql("COMMIT")
        local r = p:wait()
        assert.equal(0, r.status, r.err)
        assert.is_true(s:is_valid("a_v"))
    end)

    it("what the user's environment says stands again behind a file's own SET", function()
        s:pool()
        s:file("1_a.up.sql", "SET TimeZone = 'UTC'; SET DateStyle = 'German'; CREATE TABLE a (v text);")
        s:file("2_b.up.sql", "INSERT INTO a SELECT current_setting('TimeZone') || ' ' || current_setting('DateStyle');")
        s:expect(0, "up", { env = { PGTZ = "Europe/Rome", PGDATESTYLE = "SQL, DMY" } })
        assert.equal("Europe/Rome SQL, DMY", s:sql("SELECT v FROM a"))
    end)

    it("a signal in the pool's queue ends the run at once", function()
        local pool = s:pool { size = 1 }
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        local app = s:session("app", pool.url)
        app:sql("BEGIN")
        local p = s:start("up")
        support.eventually(function() return pool:sees("cl_waiting") end, "a client in the queue")
        p:kill("TERM")
        assert.equal(143, p:wait(10).status)
    end)

    it("a backend that is ended under a migration, or under the lock: up goes on", function()
        s:pool()
        s:file("1_a.up.sql", "CREATE TABLE a (v int);")
        s:file("2_b.up.sql", "INSERT INTO a VALUES (1); SELECT pg_advisory_xact_lock(99);")
        for _, whom in ipairs { "wait_event = 'advisory'", "state = 'idle in transaction'" } do
            local other = s:session()
            other:sql("SELECT pg_advisory_lock(99)")
            local p = s:start("up")
            s:sees("wait_event = 'advisory'")
            assert.equal("1", s:terminate("application_name ~ '^luamig' AND " .. whom))
            other:sql("SELECT pg_advisory_unlock(99)")
            local r = p:wait()
            assert.equal(0, r.status, r.err)
            assert.equal("1", s:sql("SELECT count(*) FROM a"))
            s:sql("DELETE FROM a; DELETE FROM luamig.applied_migrations WHERE version = 2")
        end
    end)

    it("reads, tries, undoes and restores", function()
        s:pool()
        s:files {
            ["1_a.up.sql"] = "CREATE TABLE a (v int);", ["1_a.down.sql"] = "DROP TABLE a;",
            ["2_b.up.lua"] = "for row in db:rows 'SELECT generate_series(1, 10) AS v' do"
                .. " db:exec('INSERT INTO a VALUES ($1)', row.v) end", ["2_b.down.sql"] = "DELETE FROM a;",
            ["3_i.up.sql"] = "CREATE INDEX CONCURRENTLY a_v ON a (v);",
            ["3_i.down.sql"] = "DROP INDEX CONCURRENTLY a_v;",
            ["seed.sql"] = "INSERT INTO a VALUES (100);",
        }
        s:expect(3, "status", "--check")
        assert.matches("10 rows", s:expect(0, "dry-run").out .. s:expect(0, "dry-run", "--each", "--to", "1").out)
        assert.is_false(s:has("a"))
        s:expect(0, "up")
        s:expect(0, "verify")
        s:expect(0, "exec", "migrations/seed.sql")
        assert.equal("11", s:sql("SELECT count(*) FROM a"))
        s:expect(0, "redo")
        s:expect(0, "down", "--to", "1")
        assert.equal("1", s:applied())
        s:file("4_f.up.sql", "SELECT 1/0;")
        s:file("4_f.down.sql", "")
        s:expect(8, "up", "--rollback")
        assert.equal("1", s:applied())
        s:remove("3_i.up.sql")
        s:remove("3_i.down.sql")
        s:expect(8, "up", "--atomic")
        s:remove("4_f.up.sql")
        s:remove("4_f.down.sql")
        s:expect(0, "up", "--atomic")
        assert.equal("1,2", s:applied())
        s:expect(0, "history")
        s:file("hooks.lua", "return { before_run = function(r) r.db:exec 'CREATE TABLE hooked ()' end,"
            .. " after_migration = function(m) m.db:exec 'CREATE TEMP TABLE t ()' end }")
        s:file("5_t.up.sql", "CREATE TABLE t ();")
        s:expect(0, "up")
        assert.is_true(s:has("hooked"))
        s:expect(0, "mark", "pending", "2")
    end)

    it("backfills, in the foreground and in the background", function()
        local pool = s:pool { size = 4 }
        s:file("1_a.up.sql", "CREATE TABLE a (id int PRIMARY KEY, v text);"
            .. "INSERT INTO a SELECT i FROM generate_series(1, 2000) i;")
        s:file("2_b.up.lua", "-- luamig: no-transaction\n"
            .. "db:backfill { 'map', table = 'a', read = { 'id' }, set = { 'v' }, where = 'v IS NULL',"
            .. " map = function(row) return { v = 'n' .. row.id } end }\n"
            .. "db:backfill { 'each', table = 'a', read = { 'v' }, each = function(batch)"
            .. " db:exec 'CREATE TEMP TABLE t ()'"
            .. " db:exec([[UPDATE a SET v = v || '!' WHERE id BETWEEN $1 AND $2]], batch.first, batch.last) end }")
        s:file("3_c.up.lua", "-- luamig: no-transaction background\n"
            .. "db:backfill { 'sql', table = 'a', sql = [[UPDATE a SET v = v || '?' WHERE {range}]] }")
        s:expect(0, "up")
        local runs = { s:start("up", "--background"), s:start("up", "--background") }
        for _, run in ipairs(runs) do
            local r = run:wait()
            assert.equal(0, r.status, r.err)
        end
        assert.equal("2000|n1!?", s:sql("SELECT count(*), min(v) FROM a WHERE v = 'n' || id || '!?'"))
        assert.equal("0", pool:sql("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"))
        assert.equal("1,2,3", s:applied())
    end)

    it("gives way to table locks and names the blocker", function()
        s:pool()
        s:file("1_a.up.sql", "CREATE TABLE a (v int);")
        s:expect(0, "up")
        s:file("2_b.up.sql", "ALTER TABLE a ADD w int;")
        local reader = s:session("old reader")
        reader:sql("BEGIN; SELECT * FROM a")
        local p = s:start("up")
        p:says("'old reader' as postgres")
        reader:sql("COMMIT")
        assert.equal(0, p:wait().status)
    end)
end)
