local support = require "support"

describe("luamig up #server", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("applies what is pending, in numeric order, and records it", function()
        s:files {
            ["2_b.up.sql"] = "INSERT INTO seen VALUES (2);",
            ["10_c.up.sql"] = "INSERT INTO seen VALUES (10);",
            ["1_a.up.sql"] = "CREATE TABLE seen (n int, at serial);",
        }
        local r = s:expect(0, "up")
        assert.equal("", r.out)
        assert.matches("luamig: [%w_]+@local: 3 applied, 0 pending, ", r.err)
        assert.equal("2\n10", s:sql("SELECT n FROM seen ORDER BY at"))
        assert.equal("1|a|64\n2|b|64\n10|c|64", s:sql(
            "SELECT version, name, length(checksum) FROM luamig.applied_migrations ORDER BY 1"))
        assert.equal("up|1|done|f\nup|2|done|f\nup|10|done|f", s:sql("SELECT action, version, outcome,"
            .. " started_at > finished_at FROM luamig.applied_migrations_history ORDER BY id"))
    end)

    it("does nothing the second time, without lock and without reading files", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        s:expect(0, "up")
        s:file("1_a.up.sql", "not even SQL")
        local lock = s:session()
        lock:lock()
        assert.matches("up to date", s:expect(0, "up").err)
    end)

    it("applies a version that was merged late", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["3_c.up.sql"] = "CREATE TABLE c ();" }
        s:expect(0, "up")
        s:file("2_b.up.sql", "CREATE TABLE b ();")
        assert.matches("late %(below 3, the highest applied%): 2_b", s:expect(0, "up").err)
        assert.equal("1,2,3", s:applied())
        s:file("0_z.up.sql", "")
        assert.matches("late", s:expect(4, "up", "--out-of-order", "error").err)
        assert.equal("1,2,3", s:applied())
    end)

    it("limits itself to --to, --count and --only", function()
        for v = 1, 6 do s:file(v .. "_x.up.sql", "") end
        s:expect(0, "up", "--to", "02")
        assert.equal("1,2", s:applied())
        s:expect(0, "up", "--count", "1")
        assert.equal("1,2,3", s:applied())
        s:expect(0, "up", "--only", "6", "--only", "5")
        assert.equal("1,2,3,5,6", s:applied())
        assert.matches("already applied", s:expect(0, "up", "--only", "5").err)
        assert.matches("not in", s:expect(2, "up", "--to", "99").err)
        s:expect(2, "up", "--count", "0")
        s:expect(2, "up", "--only", "4", "--to", "4")
        s:expect(2, "up", "--to", "x")
        assert.equal("1,2,3,5,6", s:applied())
    end)

    it("touches nothing with --plan", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        assert.matches("1_a.up.sql  transaction", s:expect(0, "up", "--plan").out)
        assert.is_false(s:has("a"))
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    it("keeps the down's text in the history", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["1_a.down.sql"] = "DROP TABLE a;" }
        s:expect(0, "up")
        assert.equal("sql|DROP TABLE a;",
            s:sql("SELECT down_kind, down_text FROM luamig.applied_migrations_history"))
    end)

    it("records a blank file and says that it is empty", function()
        s:file("1_a.up.sql", "\n-- nothing\n")
        assert.matches("%(empty%)", s:expect(0, "up").err)
        assert.equal("1", s:applied())
    end)

    it("writes one JSON object per line", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.sql"] = "SELECT 1/0;" }
        local r = s:expect(7, "up", "--json")
        local events, last = {}, nil
        for line in r.out:gmatch("[^\n]+") do
            last = assert(support.json.decode(line))
            assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d+Z$", last.time)
            assert.matches("^%x%x%x%x%x%x%x%x$", last.run)
            events[#events + 1] = last.event
        end
        assert.same({ "run_started", "lock_acquired", "migration_started", "migration_applied",
            "migration_started", "migration_failed", "run_finished" }, events)
        assert.same({ "failed", 1, 1, 7 }, { last.outcome, last.applied, last.pending, last.exit })
        assert.same({ "sql", "22012", 1 },
            { last.error.kind, last.error.sqlstate, last.error.line })
    end)
end)
