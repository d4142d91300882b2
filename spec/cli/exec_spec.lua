local support = require "support"

describe("luamig exec", function()
    local s
    before_each(function()
        s = support.scratch()
        s:sql("CREATE TABLE seen (n int, at serial)")
    end)
    after_each(support.cleanup)

    local function seen()
        return s:sql("SELECT string_agg(n::text, ',' ORDER BY at) FROM seen")
    end

    it("runs files in order, every time, and records nothing", function()
        s:files { ["./a.sql"] = "INSERT INTO seen VALUES (1); INSERT INTO seen VALUES (2);",
            ["./b.lua"] = "db:exec('INSERT INTO seen VALUES ($1)', vars.N)" }
        local r = s:expect(0, "exec", "a.sql", "b.lua", "--set", "N=3")
        assert.matches("ran a.sql  .-ran b.lua  .-2 run", r.err)
        s:expect(0, "exec", "b.lua", "--set", "N=4")
        assert.equal("1,2,3,4", seen())
        s:expect(0, "exec", "--down", "a.sql", "b.lua", "--set", "N=5")
        assert.equal("1,2,3,4,5,1,2", seen())
        assert.equal("0", s:sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'luamig'"))
    end)

    it("takes a folder: ups ascending, downs descending", function()
        os.execute("mkdir " .. s.dir .. "/seeds")
        s:files { ["seeds/2_b.up.sql"] = "INSERT INTO seen VALUES (2)",
            ["seeds/10_c.up.lua"] = "db:exec 'INSERT INTO seen VALUES (10)'",
            ["seeds/2_b.down.sql"] = "DELETE FROM seen WHERE n = 2",
            ["seeds/10_c.down.sql"] = "INSERT INTO seen VALUES (0)" }
        s:expect(0, "exec", "seeds")
        assert.equal("2,10", seen())
        s:expect(0, "exec", "seeds", "--down")
        assert.equal("10,0", seen())
        s:file("seeds/11_d.up.sql", "")
        assert.matches("11_d has no down", s:expect(4, "exec", "seeds", "--down").err)
        assert.equal("10,0", seen())
    end)

    it("runs statement by statement where it must", function()
        s:files { ["./a.sql"] = "INSERT INTO seen VALUES (1); CREATE INDEX CONCURRENTLY i ON seen (n);"
            .. " INSERT INTO seen VALUES (2);",
            ["./b.lua"] = "-- luamig: no-transaction\ndb:step('a', function() db:exec 'INSERT INTO seen"
                .. " VALUES (3)' end) db:exec 'VACUUM seen'" }
        s:expect(0, "exec", "a.sql", "b.lua")
        assert.equal("1,2,3", seen())
    end)

    it("rolls back the one that fails and says what stays", function()
        s:files { ["./a.sql"] = "INSERT INTO seen VALUES (1)",
            ["./b.lua"] = "db:exec 'INSERT INTO seen VALUES (2)'\nerror 'no'" }
        local r = s:expect(7, "exec", "a.sql", "b.lua", "a.sql")
        assert.matches("b.lua:2", r.err, 1, true)
        assert.matches("b.lua was rolled back; 1 of 3 files were run", r.err, 1, true)
        assert.equal("1", seen())
    end)

    it("refuses bad files before anything", function()
        s:files { ["./a.sql"] = "INSERT INTO seen VALUES (1)", ["./b.sql"] = "SELEC 1", ["./c.lua"] = "x = = 1" }
        assert.matches("b.sql:1", s:expect(4, "exec", "a.sql", "b.sql").err, 1, true)
        assert.matches("c.lua:1", s:expect(4, "exec", "a.sql", "c.lua").err, 1, true)
        s:expect(2, "exec", "a.txt")
        s:expect(2, "exec")
        s:expect(4, "exec", "nothing.sql")
        assert.equal("", seen())
    end)

    it("waits for the run lock", function()
        s:file("./a.sql", "INSERT INTO seen VALUES (1)")
        local lock = s:session()
        lock:lock()
        s:expect(6, "exec", "a.sql", "--lock-wait", "300ms")
        assert.equal("", seen())
    end)
end)
