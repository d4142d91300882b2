local support = require "support"

describe("a signal", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    for signal, status in pairs { TERM = 143, INT = 130, HUP = 129 } do
        it("SIG" .. signal .. " in a statement: cancelled, rolled back, lock free, exit " .. status, function()
            s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.sql"] =
                "CREATE TABLE b (); SELECT pg_sleep(30);", ["3_c.up.sql"] = "" }
            local p = s:start("up")
            s:runs("pg_sleep%(30")
            local began = support.now()
            p:kill(signal)
            local r = p:wait()
            assert.is_true(support.now() - began < 1.5)
            assert.equal(status, r.status)
            assert.matches("stopped by SIG" .. signal, r.err)
            assert.matches("2 was rolled back; 1 of 3 pending were applied", r.err)
            assert.equal("1", s:applied())
            assert.is_false(s:has("b"))
            assert.equal("0", s:backends("state = 'active' AND query LIKE '%pg_sleep%(30%'"))
            support.eventually(function() return s:backends(support.HOLDS_LOCK) == "0" end, "the lock's end")
        end)
    end

    it("in the lock wait ends the run within a second", function()
        s:file("1_a.up.sql", "")
        local other = s:session()
        other:lock()
        local p = s:start("up")
        p:says("held by pid")
        local began = support.now()
        p:kill("TERM")
        assert.equal(143, p:wait().status)
        assert.is_true(support.now() - began < 1.5)
    end)

    it("while connecting ends the run at once", function()
        -- A listener that never answers.
        s:file("1_a.up.sql", "")
        local port = 30100 + math.random(0, 2500)
        local pid = io.popen(("sh -c 'exec perl -MIO::Socket::INET -e \"my \\$s ="
            .. " IO::Socket::INET->new(LocalAddr => q(127.0.0.1), LocalPort => %d, Listen => 5); sleep 30\""
            .. " >/dev/null 2>&1 & echo $!'"):format(port)):read("l")
        support.sleep(0.3)
        local p = s:start("up", { env = { LUAMIG_DATABASE = ("postgres://u@127.0.0.1:%d/d"):format(port) } })
        p:says("waiting for the connection to 127.0.0.1:" .. port)
        local began = support.now()
        p:kill("TERM")
        local r = p:wait()
        os.execute("kill " .. pid)
        assert.equal(143, r.status)
        assert.is_true(support.now() - began < 1.5)
    end)

    it("that comes a second time exits at once", function()
        s:file("1_a.up.sql", "CREATE TABLE a (); SELECT pg_sleep(30);")
        local p = s:start("up")
        s:runs("pg_sleep%(30")
        p:kill("STOP")
        p:kill("TERM")
        p:kill("INT")
        p:kill("CONT")
        local status = p:wait().status
        assert.is_true(status == 143 or status == 130, status)
        support.eventually(function() return not s:has("a") and s:applied() == "" end)
    end)

    it("SIGHUP that was ignored stays ignored (nohup)", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(1);")
        local p = s:start("up", { shell = "nohup" })
        s:runs("pg_sleep%(1")
        p:kill("HUP")
        assert.equal(0, p:wait().status)
    end)

    it("in CREATE INDEX CONCURRENTLY leaves no invalid index #server", function()
        s:file("1_a.up.sql", "CREATE TABLE t (a int); INSERT INTO t VALUES (1);"):expect(0, "up")
        local other = s:session()
        other:sql("BEGIN; INSERT INTO t VALUES (2)")
        s:file("2_b.up.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a);")
        local p = s:start("up")
        s:runs("CREATE INDEX CONCURRENTLY")
        p:kill("TERM")
        support.sleep(0.3)
        other:sql("COMMIT")
        local r = p:wait()
        assert.equal(143, r.status)
        assert.is_false(s:has("t_a"))
        s:expect(0, "up")
        assert.is_true(s:is_valid("t_a"))
    end)
end)

describe("SIGTERM at 200 random moments of a run of small migrations", function()
    after_each(support.cleanup)

    it("stops within a second; applied exactly when its row is there", function()
        local s = support.scratch()
        math.randomseed(20260520)
        local files = 0
        for round = 1, 200 do
            if files == 0 or s.applied_count == files then
                for _ = 1, 40 do
                    files = files + 1
                    s:file(("%05d_x.up.sql"):format(files), ("CREATE TABLE x%d (); SELECT 1;"):format(files))
                end
            end
            local p = s:start("up", "-q")
            support.sleep(math.random() * 0.08)
            local began = support.now()
            p:kill("TERM")
            local r = p:wait()
            assert.is_true(support.now() - began < 1.5, round) -- with the shell's own time
            assert.is_true(r.status == 143 or r.status == 0, r.status .. r.err)
            s.applied_count = tonumber(s:sql("SELECT CASE WHEN to_regclass('luamig.applied_migrations') IS NULL"
                .. " THEN 0 ELSE (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM"
                .. " luamig.applied_migrations', false, true, '')))[1]::text::int END"))
            local tables = tonumber(s:sql("SELECT count(*) FROM pg_class WHERE relname ~ '^x[0-9]+$'"))
            assert.equal(s.applied_count, tables, round)
        end
        s:expect(0, "up")
        assert.equal(tostring(files), s:sql("SELECT count(*) FROM luamig.applied_migrations"))
    end)
end)

describe("kill -9 in the middle", function()
    after_each(support.cleanup)

    it("leaves the database as before or as recorded; the next up runs the rest", function()
        local s = support.scratch()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();",
            ["2_b.up.sql"] = "CREATE TABLE b (); SELECT pg_sleep(1);",
            ["3_c.up.sql"] = "CREATE TABLE c (i int); CREATE INDEX CONCURRENTLY c_i ON c (i);" }
        for round = 1, 6 do
            local p = s:start("up")
            support.sleep(0.04 * round)
            p:kill("KILL")
            p:wait()
        end
        local r = s:run("up")
        assert.equal(0, r.status, r.err)
        assert.equal("1,2,3", s:applied())
        assert.is_true(s:is_valid("c_i"))
        assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_steps"))
    end)
end)

describe("a time limit", function()
    local s
    before_each(function()
        s = support.scratch()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();",
            ["2_b.up.sql"] = "CREATE TABLE b (); SELECT pg_sleep(5);" }
    end)
    after_each(support.cleanup)

    it("migration_timeout is exit 10, rolled back, and says the line to write", function()
        local r = s:expect(10, "up", "--migration-timeout", "400ms")
        assert.matches("migration_timeout = 400ms was reached", r.err)
        assert.matches("-- luamig: timeout=30m", r.err, 1, true)
        assert.equal("1", s:applied())
        assert.is_false(s:has("b"))
    end)

    it("timeout is exit 10", function()
        local r = s:expect(10, "up", "--timeout", "500ms")
        assert.matches("timeout = 500ms was reached", r.err)
        assert.equal("1", s:applied())
    end)

    it("of a file wins over both #server", function()
        s:file("2_b.up.sql", "-- luamig: timeout=1m\nSELECT pg_sleep(1);")
        s:expect(0, "up", "--migration-timeout", "300ms", "--timeout", "600ms")
        s:file("3_c.up.sql", "-- luamig: timeout=200ms\nSELECT pg_sleep(5);")
        s:expect(10, "up")
    end)

    it("does not count what blocks nobody: CREATE INDEX CONCURRENTLY", function()
        s:remove("2_b.up.sql")
        s:file("2_t.up.sql", "CREATE TABLE t (a int);"):expect(0, "up")
        local other = s:session()
        other:sql("BEGIN; INSERT INTO t VALUES (1)")
        s:file("3_i.up.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a);")
        local p = s:start("up", "--migration-timeout", "400ms", "--timeout", "600ms")
        support.sleep(1.5)
        other:sql("COMMIT")
        local r = p:wait()
        assert.equal(0, r.status, r.err)
    end)
end)

describe("output", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 30 do s:file(v .. "_x.up.sql", "SELECT 1;") end
    end)
    after_each(support.cleanup)

    it("closed: the run completes, and no socket becomes stdout", function()
        local command = ("cd %s && env -i LUAMIG_DATABASE=%s %s up %s"):format(support.quote(s.dir),
            support.quote(s.url), support.quote(support.binary), "0<&- 1>&- 2>&-")
        assert.is_true(os.execute(command))
        assert.equal("30", s:sql("SELECT count(*) FROM luamig.applied_migrations"))
    end)

    it("to a reader that went away is quiet", function()
        local command = ("cd %s && env -i PATH=\"$PATH\" LUAMIG_DATABASE=%s sh -c '%s status 2>err | head -1;"
            .. " cat err'"):format(support.quote(s.dir), support.quote(s.url), support.binary)
        local pipe = io.popen(command)
        assert.equal("1   pending  x\n", pipe:read("a"))
        pipe:close()
    end)

    it("to a full disk is exit 1, and a run completes all the same", function()
        local r = s:run("status", { out = "/dev/full" })
        assert.equal(1, r.status)
        assert.matches("could not be written", r.err)
        r = s:run("up", "--json", { out = "/dev/full" })
        assert.equal(1, r.status)
        assert.equal("30", s:sql("SELECT count(*) FROM luamig.applied_migrations"))
    end)

    it("says every 10 s, 30 s how far a long migration is", function()
        s:file("31_long.up.sql", "SELECT 1; SELECT pg_sleep(14);")
        local r = s:expect(0, "up")
        assert.matches("31_long: statement 2 of 2 for 1%d%.%d s", r.err)
    end)
end)
