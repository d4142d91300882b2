local support = require "support"

describe("repeatables", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (n int); CREATE TABLE IF NOT EXISTS log (name text, at serial)")
    end)
    after_each(support.cleanup)

    local function log()
        return s:sql("SELECT string_agg(name, ',' ORDER BY at) FROM log")
    end

    it("run after all versioned ones, in name order, when they changed", function()
        s:files {
            ["R__b.sql"] = "CREATE OR REPLACE VIEW v AS SELECT n FROM t; INSERT INTO log VALUES ('b');",
            ["R__a.lua"] = "db:exec [[INSERT INTO log VALUES ('a')]]",
            ["2_u.up.sql"] = "INSERT INTO log VALUES ('2')",
        }
        local r = s:expect(0, "up")
        assert.matches("applied 1_t .-applied 2_u .-applied R__a .-applied R__b .-4 applied, 0 pending", r.err)
        assert.equal("2,a,b", log())
        assert.equal("1,2", s:applied())
        assert.equal("repeat|R__a|t|f", s:sql("SELECT action, name, version IS NULL, checksum IS NULL"
            .. " FROM luamig.applied_migrations_history WHERE name = 'R__a'"))
        assert.matches("up to date", s:expect(0, "up").err)
        s:file("R__b.sql", "INSERT INTO log VALUES ('b2');")
        s:file("3_late.up.sql", "INSERT INTO log VALUES ('3')")
        s:expect(0, "up")
        assert.equal("2,a,b,3,b2", log())
        s:remove("R__a.lua")
        assert.matches("up to date", s:expect(0, "up").err)
    end)

    it("run again for another byte, not for other line ends or a BOM", function()
        s:file("R__a.sql", "INSERT INTO log\nVALUES ('a');\n")
        s:expect(0, "up")
        s:file("R__a.sql", "\xEF\xBB\xBFINSERT INTO log\r\nVALUES ('a');\r\n")
        assert.matches("up to date", s:expect(0, "up").err)
        s:expect(0, "status", "--check")
        assert.equal("a", log())
        s:file("R__a.sql", "INSERT INTO log\nVALUES ('a');\n\n")
        s:expect(0, "up")
        assert.equal("a,a", log())
    end)

    it("run again when an older form comes back: the newest success counts", function()
        for _, name in ipairs { "x", "y", "x" } do
            s:file("R__a.sql", "INSERT INTO log VALUES ('" .. name .. "')")
            s:expect(0, "up")
        end
        assert.equal("x,y,x", log())
        s:file("R__a.sql", "SELECT 1/0")
        s:expect(7, "up")
        s:file("R__a.sql", "INSERT INTO log VALUES ('x')")
        assert.matches("up to date", s:expect(0, "up").err)
    end)

    it("come behind a late version", function()
        s:file("5_e.up.sql", "INSERT INTO log VALUES ('5')")
        s:expect(0, "up")
        s:files { ["3_late.up.sql"] = "INSERT INTO log VALUES ('3')", ["R__0.sql"] = "INSERT INTO log VALUES ('R')" }
        assert.matches("3_late.up.sql .-R__0.sql", s:expect(0, "up", "--plan").out)
        assert.matches("tried 3_late.-tried R__0", s:expect(0, "dry-run").out)
        assert.matches("tried 3_late.-tried R__0", s:expect(0, "dry-run", "--each").out)
        s:expect(0, "up")
        assert.equal("5,3,R", log())
    end)

    it("are events without a version", function()
        s:file("R__a.sql", "INSERT INTO log VALUES ('a')")
        local plan = s:json("plan", "--json").steps
        assert.same({ "t", 1, "R__a" }, { plan[1].name, plan[1].version, plan[2].name })
        assert.is_nil(plan[2].version)
        local out = s:expect(0, "up", "--json").out
        for _, event in ipairs { "started", "applied" } do
            local line = out:match('[^\n]*"migration_' .. event .. '"[^\n]*"name":"R__a"[^\n]*')
            assert.is_nil(support.json.decode(line).version)
        end
        assert.matches('"event":"run_finished".-"applied":2,.-"pending":0', out)
        s:file("R__a.sql", "SELECT 1/0")
        local problem = s:json("verify", "--json").problems[1]
        assert.same({ "pending", "R__a" }, { problem.kind, problem.name })
        assert.is_nil(problem.version)
        out = s:expect(7, "up", "--json").out
        assert.is_nil(support.json.decode(out:match('[^\n]*"migration_failed"[^\n]*')).version)
        assert.matches('"event":"run_finished".-"applied":0,.-"pending":1', out)
    end)

    it("are not part of --to, --count and --only", function()
        s:file("R__a.sql", "INSERT INTO log VALUES ('a')")
        s:expect(0, "up", "--to", "1")
        s:expect(0, "up", "--only", "1")
        s:expect(0, "up", "--count", "1")
        assert.equal("", log())
        s:expect(0, "up")
        assert.equal("a", log())
    end)

    it("are not part of --to even where it is the highest version that there can be", function()
        local highest = "9223372036854775807"
        s:files { [highest .. "_m.up.sql"] = "CREATE TABLE m ()", ["R__a.sql"] = "INSERT INTO log VALUES ('a')" }
        assert.matches("2 applied, 1 pending", s:expect(0, "up", "--to", highest).err)
        s:expect(0, "up", "--only", highest)
        assert.equal("", log())
    end)

    it("are shown by plan, status, verify, dry-run, validate and history", function()
        s:file("R__a.sql", "INSERT INTO log VALUES ('a')")
        assert.matches("R__a.sql +transaction, 1 statement", s:expect(0, "plan").out)
        assert.matches("pending .-R__a", s:expect(0, "status").out)
        s:expect(3, "status", "--check")
        assert.matches("R__a is pending", s:expect(4, "verify").err .. s:run("verify").out)
        assert.matches("tried R__a", s:expect(0, "dry-run").out)
        s:expect(0, "validate")
        s:expect(0, "up")
        local document = s:json("status", "--json")
        local last = document.migrations[#document.migrations]
        assert.same({ support.json.null, "R__a", "applied", 64 },
            { last.version == nil and support.json.null, last.name, last.state, #last.checksum })
        s:expect(0, "verify")
        s:expect(0, "status", "--check")
        assert.matches("repeat  done  R__a", s:expect(0, "history").out)
        s:file("R__a.sql", "INSERT INTO log VALUES ('b')")
        s:expect(3, "status", "--check")
        s:file("R__b.sql", "SELEC 1")
        assert.matches("R__b.sql:1", s:expect(4, "up").err, 1, true)
        assert.equal("a", log())
    end)

    it("are validated by name as what they are", function()
        s:files { ["R__a.lua"] = "db:exec [[SELECT 1]]", ["R__b.lua"] = "db:exec(" }
        assert.matches("R__a.lua  script", s:expect(0, "validate", "-v", "migrations/R__a.lua").out, 1, true)
        assert.matches("R__b.lua:1", s:expect(4, "validate", "migrations/R__b.lua").err, 1, true)
    end)

    it("alone are migrations, too", function()
        s:remove("1_t.up.sql"):file("R__a.sql", "CREATE TABLE a ()")
        s:expect(0, "up")
        local r = s:expect(0, "up")
        assert.matches("up to date", r.err)
        assert.is_nil(r.err:find("no migrations", 1, true))
    end)

    it("have no version in a script", function()
        s:file("R__a.lua", "log.info('%s %s %s', migration.version, migration.name, migration.direction)")
        assert.matches("R__a: nil R__a up", s:expect(0, "up").err, 1, true)
    end)

    it("that fail are rolled back, and what is versioned stays", function()
        s:files { ["R__a.sql"] = "INSERT INTO log VALUES ('a')",
            ["R__b.sql"] = "INSERT INTO log VALUES ('b'); SELECT 1/0" }
        local r = s:expect(7, "up")
        assert.matches("R__b.sql:1", r.err, 1, true)
        assert.matches("R__b was rolled back", r.err)
        assert.equal("a", log())
        assert.equal("1", s:applied())
        assert.equal("failed", s:sql("SELECT outcome FROM luamig.applied_migrations_history WHERE name = 'R__b'"))
        s:file("R__b.sql", "INSERT INTO log VALUES ('b')")
        s:expect(0, "up")
        assert.equal("a,b", log())
    end)

    it("do not drop luamig's own table", function()
        s:file("R__a.sql", "DROP TABLE luamig.applied_migrations")
        assert.matches("R__a would drop or empty luamig.applied_migrations; nothing was done",
            s:expect(7, "up").err, 1, true)
        assert.equal("1", s:applied())
        s:sql("DELETE FROM luamig.applied_migrations; DROP TABLE t")
        s:expect(8, "up", "--atomic")
        assert.equal("", s:applied())
        s:file("R__a.sql", "SELECT 1")
        s:expect(0, "up")
    end)

    it("run statement by statement where they must, from the start again after a failure", function()
        s:file("R__a.sql", "-- luamig: no-transaction\nINSERT INTO log VALUES ('a'); SELECT 1/(SELECT"
            .. " count(*) FROM t);")
        assert.matches("what was done of R__a stays, `up` runs it again from its beginning",
            s:expect(7, "up").err, 1, true)
        assert.equal("failed|2", s:sql("SELECT outcome, statement FROM luamig.applied_migrations_history"
            .. " WHERE name = 'R__a'"))
        assert.is_false(s:has("luamig.applied_migrations_steps"))
        s:sql("INSERT INTO t VALUES (1)")
        s:expect(0, "up")
        assert.equal("a,a", log())
        assert.matches("up to date", s:expect(0, "up").err)
        s:file("R__b.lua", "-- luamig: no-transaction\ndb:step('x', function() db:exec [[INSERT INTO log"
            .. " VALUES ('b')]] end)")
        s:expect(0, "up")
        assert.equal("a,a,b", log())
    end)

    it("go back together with the versioned ones of a failed --rollback and --atomic", function()
        s:files { ["1_t.down.sql"] = "DROP TABLE t, log", ["R__a.sql"] = "INSERT INTO log VALUES ('a')",
            ["R__b.sql"] = "SELECT 1/0" }
        assert.matches("restored: 1 undone by its down", s:expect(8, "up", "--rollback").err)
        assert.is_false(s:has("log"))
        s:expect(8, "up", "--atomic")
        assert.is_false(s:has("log"))
        assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"
            .. " WHERE action = 'repeat' AND outcome = 'done'"))
        s:file("R__b.sql", "INSERT INTO log VALUES ('b')")
        s:expect(0, "up", "--rollback")
        assert.equal("a,b", log())
        s:file("R__c.sql", "VACUUM t")
        assert.matches("R__c cannot run in one transaction", s:expect(4, "up", "--rollback").err)
    end)

    it("run once when two instances come at once: the second looks again under the lock", function()
        s:expect(0, "up")
        s:file("R__a.sql", "LOCK t; INSERT INTO log VALUES ('a')")
        local holder = s:session("holder")
        holder:sql("BEGIN; LOCK t")
        local first = s:start("up")
        s:sees("wait_event_type = 'Lock'")
        local second = s:start("up")
        second:says("waiting for")
        holder:sql("COMMIT")
        assert.matches("1 applied, 0 pending", first:wait().err)
        local r = second:wait()
        assert.equal(0, r.status)
        assert.matches("up to date, 0 applied, 0 pending", r.err)
        assert.equal("a", log())
        assert.equal("1", s:sql("SELECT count(*) FROM luamig.applied_migrations_history WHERE action = 'repeat'"))
    end)

    it("that did not change need no lock", function()
        s:file("R__a.sql", "INSERT INTO log VALUES ('a')")
        s:expect(0, "up")
        local holder = s:session("holder")
        holder:lock()
        assert.matches("up to date", s:expect(0, "up").err)
        s:file("R__a.sql", "INSERT INTO log VALUES ('b')")
        s:expect(6, "up", "--lock-wait", "200ms")
        assert.equal("a", log())
    end)

    it("heed limits and signals", function()
        s:file("R__a.sql", "-- luamig: timeout=100ms\nINSERT INTO log VALUES ('a'); SELECT pg_sleep(50)")
        assert.matches("migration_timeout = 100ms", s:expect(10, "up").err, 1, true)
        s:file("R__a.sql", "INSERT INTO log VALUES ('a'); SELECT pg_sleep(50)")
        local process = s:start("up")
        s:sees(support.SLEEPS)
        process:kill("TERM")
        local r = process:wait()
        assert.equal(143, r.status)
        assert.matches("R__a was rolled back", r.err)
        assert.equal("", log())
        assert.equal("1", s:applied())
    end)

    it("are looked at before anything runs", function()
        s:file("R__a.sql", "-- luamig: no-transactoin\nSELECT 1")
        assert.matches("R__a.sql:1:12", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has("t"))
        s:file("R__a.sql", "SELEC 1")
        assert.matches("R__a.sql:1", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has("t"))
    end)

    it("alone that fail leave nothing to undo", function()
        s:remove("1_t.up.sql")
        s:file("R__a.sql", "SELECT 1/0")
        local r = s:expect(8, "up", "--rollback")
        assert.matches("restored: nothing of this run had been applied", r.err)
        assert.not_matches("undoing", r.err)
    end)

    it("of one name twice, or without one, are errors", function()
        s:files { ["R__a.sql"] = "", ["R__a.lua"] = "" }
        assert.matches("R__a has two files", s:expect(4, "up").err)
        s:remove("R__a.lua")
        s:file("R__.sql", "")
        assert.matches("it has no name", s:expect(4, "up").err)
        s:remove("R__.sql")
        s:file("R__x.up.sql", "")
        assert.matches("write R__<name>.sql", s:expect(4, "up").err)
        s:remove("R__x.up.sql")
        s:file("r__x.sql", "")
        assert.matches("warning: 'r__x.sql' is no migration: write R__ in upper case", s:expect(0, "up").err)
    end)

    it("come from the selected environments, too", function()
        os.execute(("mkdir %s/migrations/base %s/migrations/test && mv %s/migrations/*.sql %s/migrations/base"):format(
            s.dir, s.dir, s.dir, s.dir))
        s:files { ["migrations/base/R__b.sql"] = "INSERT INTO log VALUES ('b')",
            ["migrations/test/R__a.sql"] = "INSERT INTO log VALUES ('a')" }
        s:expect(0, "up")
        assert.equal("b", log())
        assert.matches("environments changed: were none, are test", s:expect(0, "up", "--env", "test").err)
        assert.equal("b,a", log())
        s:file("migrations/test/R__a.sql", "INSERT INTO log VALUES ('a2')")
        local r = s:expect(0, "up", "--env", "test")
        assert.is_nil(r.err:find("environments changed", 1, true))
        assert.equal("b,a,a2", log())
        s:file("migrations/test/R__b.sql", "")
        assert.matches("R__b has two files: 'migrations/base/R__b.sql' and 'migrations/test/R__b.sql'",
            s:expect(4, "up", "--env", "test").err, 1, true)
        s:expect(0, "up")
    end)

    it("are left alone by down, redo, baseline, mark and repair", function()
        s:files { ["2_u.up.sql"] = "CREATE TABLE u ()", ["2_u.down.sql"] = "DROP TABLE u",
            ["R__a.sql"] = "INSERT INTO log VALUES ('a')" }
        local function state()
            return s:sql("SELECT count(*), max(checksum) FROM luamig.applied_migrations_history"
                .. " WHERE action = 'repeat'")
        end
        s:expect(0, "up")
        local before = state()
        s:file("R__a.sql", "INSERT INTO log VALUES ('b')")
        s:expect(0, "redo", "2")
        s:expect(0, "down")
        s:expect(0, "baseline", "2")
        s:expect(0, "mark", "pending", "2")
        s:expect(0, "mark", "applied", "2")
        s:expect(0, "repair", "--yes")
        assert.equal("a", log())
        assert.equal(before, state())
        assert.matches("pending .-R__a", s:expect(0, "status").out)
        s:expect(0, "up")
        assert.equal("a,b", log())
    end)
end)
