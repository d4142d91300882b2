local support = require "support"

describe("changing the record", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 4 do s:file(v .. "_x.up.sql", ("CREATE TABLE t%d ();"):format(v)) end
    end)
    after_each(support.cleanup)

    local function actions()
        return s:sql("SELECT string_agg(action || version, ',' ORDER BY id)"
            .. " FROM luamig.applied_migrations_history WHERE action <> 'up'")
    end

    it("baseline records every version up to V with its checksum, and runs nothing", function()
        s:expect(2, "baseline", "99")
        s:expect(2, "baseline")
        s:expect(0, "baseline", "2")
        assert.equal("1|64\n2|64", s:sql("SELECT version, length(checksum) FROM luamig.applied_migrations"
            .. " ORDER BY 1"))
        assert.is_false(s:has("t1"))
        assert.equal("baseline1,baseline2", actions())
        s:expect(0, "up")
        assert.is_true(s:has("t3"))
        s:expect(0, "verify")
    end)

    it("baseline over recorded ones adds what is missing only", function()
        s:expect(0, "up", "--only", "2")
        assert.matches("2 changed", s:expect(0, "baseline", "3").err)
        assert.equal("1,2,3", s:applied())
        assert.equal("baseline1,baseline3", actions())
        assert.matches("0 changed", s:expect(0, "baseline", "3").err)
    end)

    it("mark applied needs a file, mark pending does not", function()
        assert.matches("has no file", s:expect(4, "mark", "applied", "1", "9").err)
        assert.is_false(s:has("luamig.applied_migrations"))
        s:expect(0, "mark", "applied", "2", "04")
        assert.equal("2,4", s:applied())
        assert.matches("2 x: is applied already", s:expect(0, "mark", "applied", "2").err)
        s:remove("4_x.up.sql")
        s:expect(0, "mark", "pending", "4", "3")
        assert.equal("2", s:applied())
        assert.equal("mark2,mark4,mark4", actions())
        assert.matches("77: is not applied\n3: is not applied\n",
            s:expect(0, "mark", "pending", "77", "3").err, 1, true)
        s:expect(2, "mark", "4")
        s:expect(2, "mark", "pending")
        s:expect(2, "mark", "pending", "x")
    end)

    it("mark applied makes peace with a tracker that moved", function()
        s:sql("CREATE TABLE schema_migrations (version bigint, dirty boolean);"
            .. "INSERT INTO schema_migrations VALUES (2, false)")
        s:expect(0, "up", "--legacy-table", "public.schema_migrations", "--to", "3")
        s:sql("UPDATE schema_migrations SET version = 4")
        s:expect(4, "up")
        s:expect(0, "mark", "applied", "4")
        s:expect(0, "up")
        assert.equal("1,2,3,4", s:applied())
        assert.equal("take-over2,mark4,take-over4", actions())
    end)

    it("repair lists renamed and drifted ones with old and new, and asks", function()
        s:expect(0, "up")
        os.rename(s.dir .. "/migrations/1_x.up.sql", s.dir .. "/migrations/1_new.up.sql")
        s:file("2_x.up.sql", "-- edited")
        local r = s:expect(2, "repair")
        assert.matches("name: x %-> new", r.err)
        assert.matches("checksum: %x+ %-> %x+", r.err)
        assert.matches("--yes", r.err, 1, true)
        s:expect(4, "up")
        s:file("./answer", "n\n")
        assert.matches("not agreed", s:expect(2, "-qec", support.binary .. " repair", "/dev/null",
            { binary = "script", stdin = s.dir .. "/answer" }).out)
        s:expect(4, "up")
        s:expect(0, "repair", "2", "--yes")
        assert.matches("1_new", s:expect(4, "verify").err)
        assert.is_nil(s:run("verify").err:find("2_x", 1, true))
        s:expect(0, "repair", "--yes")
        s:expect(0, "verify")
        s:expect(0, "up")
        assert.equal("repair2,repair1", actions())
        assert.matches("nothing to repair", s:expect(0, "repair", "--yes").err)
        assert.matches("version 9 is not applied", s:expect(4, "repair", "1", "9", "--yes").err)
    end)

    it("mark and down forget what was half done, so that up does not go on behind it", function()
        s:expect(0, "up")
        s:file("5_h.up.sql", "-- luamig: no-transaction\nCREATE TABLE half ();\nSELECT 1 / count(*) FROM pg_class"
            .. " WHERE relname = 'x';")
        s:file("5_h.down.sql", "DROP TABLE half;")
        for _, record in ipairs {
            function() s:expect(0, "mark", "applied", "5") end,
            function() s:sql("INSERT INTO luamig.applied_migrations (version, name) VALUES (5, 'h')") end,
        } do
            s:expect(7, "up")
            record()
            s:expect(0, "down")
            assert.is_false(s:has("half"))
            s:expect(7, "up")
            assert.is_true(s:has("half"))
        end
        s:expect(0, "mark", "applied", "5")
        s:expect(0, "mark", "pending", "5")
        assert.matches("5  pending", s:expect(0, "status").out)
    end)

    it("repair --statement decides what luamig could not tell", function()
        s:expect(0, "up")
        s:file("5_call.up.sql", "-- luamig: no-transaction\nDO $$ BEGIN COMMIT; PERFORM pg_sleep(1); END $$;\n"
            .. "CREATE TABLE behind ();")
        for _, answer in ipairs { "--again", "--done" } do
            local p = s:start("up")
            support.eventually(function()
                return s:sql("SELECT count(*) FROM luamig.applied_migrations_steps WHERE state = 'started'") == "1"
            end)
            p:kill("KILL")
            p:wait()
            s:expect(9, "up")
            s:expect(4, "repair", "5", "--statement", "7", answer)
            s:expect(2, "repair", "5", "--statement", "1")
            s:expect(0, "repair", "5", "--statement", "1", answer)
        end
        s:expect(0, "up")
        assert.is_true(s:has("behind"))
        assert.equal("1,2,3,4,5", s:applied())
    end)
end)
