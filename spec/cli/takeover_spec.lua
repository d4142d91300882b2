local support = require "support"

describe("golang-migrate's tracker #server", function()
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

    it("with nothing left to run is recorded all the same", function()
        tracker(4, false)
        assert.matches("took over 4", s:expect(0, "up", "--legacy-table", NAMED).err)
        assert.equal("1,2,3,4", s:applied())
        s:expect(0, "up")
    end)

    it("that moved by several names all of them, so that none is run again", function()
        tracker(1, false)
        s:remove("3_x.up.sql"):remove("4_x.up.sql")
        s:expect(0, "up", "--legacy-table", NAMED)
        s:file("3_x.up.sql", ""):file("4_x.up.sql", "")
        tracker(4, false)
        assert.matches("luamig mark applied 2 3 4", s:expect(4, "up").err)
        s:expect(0, "mark", "applied", "2", "3", "4")
        assert.matches("0 applied", s:expect(0, "up").err)
    end)

    it("of a name that must be quoted is shown as it is to be written", function()
        tracker(2, false, '"Odd name"')
        local r = s:expect(4, "up")
        assert.matches('--legacy-table public."Odd name"', r.err, 1, true)
        s:expect(0, "up", "--legacy-table", 'public."Odd name"')
        tracker(3, false, '"Odd name"')
        assert.matches("moved from version 2 to 3", s:expect(4, "up").err)
    end)
end)

describe("goose's tracker", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 5 do s:file(v .. "_x.up.sql", ("CREATE TABLE t%d ();"):format(v)) end
    end)
    after_each(support.cleanup)

    local NAMED = "public.goose_db_version"

    -- Events in order: 3 is applied, -3 undone; version 0 as goose itself makes it.
    local function events(list, name, type)
        name = name or "goose_db_version"
        s:sql(("CREATE TABLE IF NOT EXISTS %s (id serial PRIMARY KEY, version_id bigint NOT NULL,"
            .. " is_applied boolean NOT NULL, tstamp %s NULL DEFAULT now());"):format(name, type or "timestamp"))
        for _, v in ipairs(list) do
            s:sql(("INSERT INTO %s (version_id, is_applied, tstamp) VALUES (%d, %s,"
                .. " '2024-05-0%d 10:00:00.5')"):format(name, math.abs(v), v >= 0, math.abs(v) + 1))
        end
    end

    it("that nobody named is exit 4 with both ways out, nothing written", function()
        events { 0, 1, 2 }
        local r = s:expect(4, "up")
        assert.matches("found public.goose_db_version, 2 versions applied\n", r.err, 1, true)
        assert.matches("--legacy-table public.goose_db_version; not ours: --legacy-table none", r.err, 1, true)
        assert.is_false(s:has("luamig.applied_migrations"))
        for _, command in ipairs { "plan", "status", "verify" } do s:expect(4, command) end
        s:expect(0, "up", "--legacy-table", "none")
        assert.equal("1,2,3,4,5", s:applied())
    end)

    it("is taken over as the set it is: gaps and higher ones stay pending", function()
        events { 0, 1, 2, 4 }
        assert.matches("takes over public.goose_db_version, 3 versions applied\n2 to apply:",
            s:expect(0, "plan", "--legacy-table", NAMED).out)
        assert.equal(s:expect(0, "plan", "--legacy-table", NAMED).out,
            s:expect(0, "up", "--plan", "--legacy-table", NAMED).out)
        assert.matches("`luamig up` will take over public.goose_db_version, 3 versions applied",
            s:expect(0, "status", "--legacy-table", NAMED).out, 1, true)
        local r = s:expect(0, "up", "--legacy-table", NAMED)
        assert.matches("took over 3 applied from public.goose_db_version, 3 versions applied", r.err)
        assert.matches("late .*: 3_x", r.err)
        assert.equal("1,2,3,4,5", s:applied())
        assert.equal("f|t|f|t", s:sql("SELECT to_regclass('t1') IS NOT NULL, to_regclass('t3') IS NOT NULL,"
            .. " to_regclass('t4') IS NOT NULL, to_regclass('t5') IS NOT NULL"))
        assert.equal("1||2024-05-02 10:00:00.5\n2||2024-05-03 10:00:00.5\n4||2024-05-05 10:00:00.5",
            s:sql("SELECT version, checksum, applied_at::timestamp FROM luamig.applied_migrations"
            .. " WHERE version IN (1, 2, 4) ORDER BY 1"))
        assert.equal("public.goose_db_version|4", s:sql("SELECT name, version"
            .. " FROM luamig.applied_migrations_history WHERE action = 'take-over'"))
        s:expect(0, "verify")
        s:expect(0, "up")
    end)

    it("counts the newest row of each version: undone ones are pending, redone ones applied", function()
        events { 0, 1, 2, 3, -3, -2, 2 }
        s:expect(0, "up", "--legacy-table", NAMED, "--count", "1")
        assert.equal("1,2,3", s:applied())
        assert.is_true(s:has("t3"))
        assert.is_false(s:has("t2"))
    end)

    it("of which versions have no file: they are named and not recorded", function()
        events { 0, 1, 2, 7, 9 }
        assert.matches("so not recorded: 7, 9", s:expect(0, "plan", "--legacy-table", NAMED).err)
        local r = s:expect(0, "up", "--legacy-table", NAMED)
        assert.matches("note: applied in public.goose_db_version, but without a file in 'migrations',"
            .. " so not recorded: 7, 9", r.err, 1, true)
        assert.equal("1,2,3,4,5", s:applied())
        assert.equal("9", s:sql("SELECT version FROM luamig.applied_migrations_history"
            .. " WHERE action = 'take-over'"))
        assert.not_matches("not recorded", s:expect(0, "up").err)
    end)

    it("none of whose versions has a file is exit 4, nothing recorded", function()
        events { 0, 7, 9 }
        local r = s:expect(4, "up", "--legacy-table", NAMED)
        assert.matches("has 2 versions applied, none of which has a file", r.err)
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    it("in which nothing is applied has nothing to record", function()
        events { 0, 1, -1 }
        s:expect(0, "up", "--count", "1")
        assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"
            .. " WHERE action = 'take-over'"))
        assert.is_true(s:has("t1"))
    end)

    it("is known by its columns: other names, schemas and timestamptz too", function()
        s:sql("CREATE SCHEMA x; CREATE TABLE x.near (version_id bigint, is_applied boolean, tstamp date);"
            .. "INSERT INTO x.near VALUES (1, true, now())")
        events({ 0, 1 }, "x.tracker", "timestamptz")
        assert.matches("found x.tracker, 1 version applied\n", s:expect(4, "up").err)
        s:expect(0, "up", "--legacy-table", "x.tracker")
        assert.is_false(s:has("t1"))
        assert.equal("1,2,3,4,5", s:applied())
    end)

    it("that moved after the take-over is exit 4; mark applied is the way out", function()
        events { 0, 1, 2 }
        s:expect(0, "up", "--legacy-table", NAMED, "--count", "1")
        events { 4, 5 }
        local r = s:expect(4, "up")
        assert.matches("moved from version 2 to 5", r.err)
        assert.matches("If 4 5 are applied: luamig mark applied 4 5;", r.err, 1, true)
        s:expect(4, "plan")
        s:expect(0, "mark", "applied", "4", "5")
        assert.matches("0 applied, 0 pending", s:expect(0, "up").err)
        assert.equal("2,5", s:sql("SELECT string_agg(version::text, ',' ORDER BY id)"
            .. " FROM luamig.applied_migrations_history WHERE action = 'take-over'"))
        events { -5 }
        assert.matches("moved from version 5 to 4.*mark applied 4", s:expect(4, "up").err)
    end)

    it("without a time for a version records the take-over's", function()
        events { 0, 1 }
        s:sql("UPDATE goose_db_version SET tstamp = NULL")
        s:expect(0, "up", "--legacy-table", NAMED)
        assert.equal("t", s:sql("SELECT applied_at > now() - interval '1 minute'"
            .. " FROM luamig.applied_migrations WHERE version = 1"))
    end)
end)
