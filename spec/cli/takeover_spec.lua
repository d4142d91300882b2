local support = require "support"

describe("golang-migrate's tracker", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 4 do s:file(v .. "_x.up.sql", ("CREATE TABLE t%d ();"):format(v)) end
    end)
    after_each(support.cleanup)

    local function tracker(version, dirty, name)
        s:sql(("CREATE TABLE IF NOT EXISTS %s (version bigint PRIMARY KEY, dirty boolean NOT NULL);"
            .. "TRUNCATE %s; INSERT INTO %s VALUES (%d, %s)"):format(name or "schema_migrations",
            name or "schema_migrations", name or "schema_migrations", version, dirty))
    end

    local NAMED = "public.schema_migrations"

    it("that nobody named is exit 4 with both ways out, nothing written", function()
        tracker(2, false)
        local r = s:expect(4, "up")
        assert.matches("found public.schema_migrations at version 2 (clean)", r.err, 1, true)
        assert.matches("--legacy-table public.schema_migrations", r.err, 1, true)
        assert.matches("--legacy-table none", r.err, 1, true)
        assert.is_false(s:has("luamig.applied_migrations"))
        s:expect(4, "plan")
        s:expect(0, "up", "--legacy-table", "none")
        assert.equal("1,2,3,4", s:applied())
    end)

    it("is taken over: versions up to its own are recorded, the rest runs", function()
        tracker(2, false)
        assert.matches("takes over public.schema_migrations at version 2",
            s:expect(0, "plan", "--legacy-table", NAMED).out)
        local r = s:expect(0, "up", "--legacy-table", NAMED)
        assert.matches("took over 2", r.err)
        assert.equal("1|\n2|", s:sql("SELECT version, checksum FROM luamig.applied_migrations"
            .. " WHERE version < 3 ORDER BY 1"))
        assert.equal("1,2,3,4", s:applied())
        assert.is_false(s:has("t1"))
        assert.is_true(s:has("t3"))
        assert.equal("public.schema_migrations|2", s:sql("SELECT name, version"
            .. " FROM luamig.applied_migrations_history WHERE action = 'take-over'"))
        s:expect(0, "verify")
    end)

    it("that is dirty is exit 4", function()
        tracker(2, true)
        assert.matches("dirty at version 2", s:expect(4, "up", "--legacy-table", NAMED).err)
        assert.matches("(dirty)", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has("t3"))
    end)

    it("at a version without a file is exit 4, nothing recorded", function()
        tracker(77, false)
        assert.matches("77, which has no file", s:expect(4, "up", "--legacy-table", NAMED).err)
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    it("without a row, or absent, means nothing applied", function()
        s:sql("CREATE TABLE schema_migrations (version bigint, dirty boolean)")
        s:expect(0, "up", "--legacy-table", NAMED, "--count", "1")
        assert.equal("1", s:applied())
        s:expect(0, "up", "--legacy-table", "no.such")
    end)

    it("that moved after the take-over is exit 4, also with nothing pending", function()
        tracker(2, false)
        s:expect(0, "up", "--legacy-table", NAMED)
        tracker(3, false)
        local r = s:expect(4, "up")
        assert.matches("moved from version 2 to 3", r.err)
        assert.matches("luamig mark applied 3", r.err)
        s:file("5_x.up.sql", "")
        s:expect(4, "up")
        tracker(2, false)
        s:expect(0, "up")
    end)

    it("in another schema is found too; a table of that shape without a row is not", function()
        s:sql("CREATE SCHEMA x; CREATE TABLE x.empty (version int, dirty boolean)")
        tracker(1, false, "x.migs")
        assert.matches("found x.migs at version 1", s:expect(4, "up").err)
        s:expect(0, "up", "--legacy-table", "x.migs")
        assert.equal("1,2,3,4", s:applied())
    end)
end)
