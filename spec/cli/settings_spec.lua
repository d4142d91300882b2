local support = require "support"

describe("settings", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "")
    end)
    after_each(support.cleanup)

    local none = { LUAMIG_DATABASE = false }

    it("in luamig.lua: an unknown key is exit 2 with the nearest one", function()
        s:file("./luamig.lua", "return { lock_wiat = '5s' }")
        local r = s:expect(2, "up")
        assert.matches("unknown setting 'lock_wiat'", r.err)
        assert.matches("Did you mean 'lock_wait'?", r.err, 1, true)
        assert.matches("luamig.lua", r.err, 1, true)
    end)

    it("in luamig.lua: errors have file and line", function()
        s:file("./luamig.lua", "\nreturn { dir = }")
        assert.matches("luamig.lua:2", s:expect(2, "up").err, 1, true)
        s:file("./luamig.lua", "\n\nerror('no')")
        assert.matches("luamig.lua:3", s:expect(2, "up").err, 1, true)
        s:file("./luamig.lua", "return 7")
        assert.matches("must return a table", s:expect(2, "up").err)
        s:file("./luamig.lua", "return { dir = {} }")
        assert.matches("'dir' must be a string", s:expect(2, "up").err)
        s:file("./luamig.lua", "return { timeout = 'soon' }")
        assert.matches("timeout in luamig.lua: 'soon' is no duration", s:expect(2, "up").err)
        s:file("./luamig.lua", "return { lock = 'leese' }")
        assert.matches("none of advisory|lease|none", s:expect(2, "up").err, 1, true)
    end)

    it("flag wins over environment, environment over .env, .env over luamig.lua", function()
        for _, name in ipairs { "a", "b", "c", "d" } do
            os.execute("mkdir " .. s.dir .. "/" .. name)
            s:file(name .. "/1_" .. name .. ".up.sql", "")
        end
        local function dir(...)
            return s:expect(0, "plan", ...).out:match("1_(%a)%.up")
        end
        s:file("./luamig.lua", "return { dir = 'a' }")
        assert.equal("a", dir())
        s:file("./.env", "# comment\nexport LUAMIG_DIR=\"b\" # b\n")
        assert.equal("b", dir())
        assert.equal("c", dir { env = { LUAMIG_DIR = "c" } })
        assert.equal("d", dir("--dir", "d", { env = { LUAMIG_DIR = "c" } }))
    end)

    it("takes paths in a --config file relative to it; a missing one is exit 2", function()
        os.execute("mkdir -p " .. s.dir .. "/conf/x")
        s:file("conf/x/1_conf.up.sql", "")
        s:file("conf/my.lua", "return { dir = 'x' }")
        assert.matches("1_conf", s:expect(0, "plan", "--config", "conf/my.lua").out)
        assert.matches("none.lua", s:expect(2, "plan", "--config", "none.lua").err)
    end)

    it("in .env: bad lines are exit 2 with their number", function()
        s:file("./.env", "A=1\nnonsense\n")
        assert.matches("%.env:2", s:expect(2, "plan").err)
        s:file("./.env", "A='x\n")
        assert.matches("quote is not closed", s:expect(2, "plan").err)
    end)

    it("choose the database: DATABASE_URL, .env, luamig.lua", function()
        s:expect(0, "plan", { env = { LUAMIG_DATABASE = false, DATABASE_URL = s.url } })
        s:file("./.env", "DATABASE_URL=" .. s.url)
        s:expect(0, "plan", { env = none })
        s:file("./.env", "")
        s:file("./luamig.lua", ("return { database = %q }"):format(s.url))
        s:expect(0, "plan", { env = none })
        s:file("./.env", "PGDATABASE=nowhere\nPGHOST=/nonexistent")
        s:file("./luamig.lua", "return {}")
        assert.matches("/nonexistent", s:expect(5, "plan", { env = none }).err)
    end)

    for name, case in pairs {
        ["none"] = { {}, "no database is chosen", "DATABASE_URL=postgres://" },
        ["an empty DATABASE_URL"] = { { DATABASE_URL = "" }, "DATABASE_URL is set but empty" },
        ["an empty LUAMIG_DATABASE"] = { { LUAMIG_DATABASE = "" }, "set but empty" },
        ["a foreign scheme"] = { { DATABASE_URL = "mysql://u:SECRET@h/d" }, "scheme 'mysql'" },
        ["a foreign parameter"] = { { DATABASE_URL = "postgres://u:SECRET@h/d?x-migrations-table=v" },
            "unknown connection parameter 'x%-migrations%-table'", "%-%-legacy%-table" },
        ["search_path as a parameter"] = { { DATABASE_URL = "postgres://u:SECRET@h/d?search_path=v" },
            "options=%-csearch_path" },
        ["%zz in the password"] = { { DATABASE_URL = "postgres://u:SECRET%zz@h/d" }, "%%25" },
        ["/ and ? in the password"] = { { DATABASE_URL = "postgres://u:pa/ss?SECRET@h/d" }, "%%2F" },
        ["a bare word"] = { { DATABASE_URL = "SECRET" }, "neither a URL" },
        ["a bad keyword"] = { { DATABASE_URL = "host=h passwort=SECRET" }, "cannot be read" },
    } do
        it("refuse " .. name .. " with exit 2 and show no secret", function()
            local env = { LUAMIG_DATABASE = false }
            for k, v in pairs(case[1]) do env[k] = v end
            local r = s:expect(2, "up", { env = env })
            for i = 2, #case do assert.matches(case[i], r.err) end
            assert.is_nil(r.err:find("SECRET"))
        end)
    end

    it("warn of a password on the command line", function()
        local url = s.url:gsub("///", "//postgres:hidden@/")
        local r = s:run("plan", "--database", (url:gsub("&user=postgres", "")))
        assert.matches("password on the command line", r.err)
        assert.is_nil(r.err:find("hidden"))
    end)

    it("fold --table as SQL does, and lock the same key", function()
        s:expect(0, "up", "--table", "Ops.Deploys")
        assert.equal("1", s:sql("SELECT count(*) FROM ops.deploys"))
        assert.matches("up to date", s:expect(0, "up", "--table", "ops.deploys").err)
        assert.matches("up to date", s:expect(0, "up", "--table", '"ops".DEPLOYS').err)
        s:expect(0, "up", "--table", "plain")
        assert.equal("1", s:sql("SELECT count(*) FROM public.plain"))
        s:expect(0, "up", "--table", '"Od""d"."Ta ble"')
        assert.equal("1", s:sql('SELECT count(*) FROM "Od""d"."Ta ble"'))
        s:expect(2, "up", "--table", "a.b.c")
        s:expect(2, "up", "--table", "a.")
        s:expect(2, "up", "--table", ("x"):rep(48))
        local lock = s:session()
        lock:lock("ops.deploys")
        s:file("2_b.up.sql", "")
        s:expect(6, "up", "--table", "OPS.deploys", "--lock-wait", "200ms")
    end)
end)

describe("the command line", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("alone prints a short help on stderr, exit 2", function()
        local r = s:expect(2)
        assert.equal("", r.out)
        assert.matches("usage: luamig COMMAND", r.err)
    end)

    it("help lists the commands, help CMD is CMD --help", function()
        local all = s:expect(0, "help").out
        local names = "up down redo status plan verify validate history baseline mark repair lock create init help"
        for name in names:gmatch("%a+") do
            assert.matches("\n  " .. name .. " ", all, 1, true)
            local one = s:expect(0, "help", name).out
            assert.matches("usage: luamig " .. name, one, 1, true)
            assert.equal(one, s:expect(0, name, "--help").out)
        end
        assert.matches("%-%-lock%-wait D", s:expect(0, "help", "up").out)
        assert.matches("^luamig %d+%.%d+%.%d+\n$", s:expect(0, "--version").out)
    end)

    it("names the nearest command and option", function()
        assert.matches("Did you mean 'status'?", s:expect(2, "staus").err, 1, true)
        assert.matches("Did you mean '--count'?", s:expect(2, "up", "--cuont", "1").err, 1, true)
        assert.matches("needs a value", s:expect(2, "up", "--to").err)
        assert.matches("unexpected argument 'x'", s:expect(2, "up", "x").err)
    end)

    it("refuses --json where there is none, and does nothing", function()
        s:file("1_a.up.sql", "")
        for _, words in ipairs { { "baseline", "1" }, { "mark", "applied", "1" }, { "repair", "--yes" }, { "fix" },
            { "create", "b" }, { "init" }, { "help" } } do
            words[#words + 1] = "--json"
            local r = s:expect(2, table.unpack(words))
            assert.equal("", r.out)
            assert.matches("unknown option '--json'", r.err, 1, true)
            assert.not_matches("--json", s:expect(0, "help", words[1]).out, 1, true)
        end
        assert.is_false(s:has("luamig.applied_migrations"))
        assert.equal("", s:read("luamig.lua"))
        assert.equal(1, select(2, io.popen("ls " .. s.dir .. "/migrations"):read("a"):gsub("\n", "")))
        for command in ("up down redo exec dry-run status plan verify validate history lock backfill"):gmatch("%S+") do
            assert.matches("--json", s:expect(0, "help", command).out, 1, true)
        end
    end)

    it("takes options anywhere", function()
        s:file("1_a.up.sql", "")
        s:expect(0, "--dir", "migrations", "up", "-q")
        assert.equal("1", s:applied())
    end)
end)

describe("create and init", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    local function created(...)
        return s:expect(0, "create", ...).out
    end

    it("continue the folder's numbering", function()
        assert.matches("^migrations/%d%d%d%d%d%d%d%d%d%d%d%d%d%d_first.up.sql\nmigrations/%d+_first.down.sql\n$",
            created("first"))
        os.execute("rm " .. s.dir .. "/migrations/*")
        assert.equal("migrations/0001_a_b.up.sql\nmigrations/0001_a_b.down.sql\n", created("a b", "--seq"))
        assert.matches("0002_c.up.lua", created("c", "--lua"))
        s:file("099_x.up.sql", "")
        assert.matches("migrations/100_d.up.sql", created("d"), 1, true)
        assert.matches("/%d%d%d%d%d%d%d%d%d%d%d%d%d%d_e.up.sql", created("e", "--timestamp"))
        s:file("99991231235959_z.up.sql", "")
        assert.matches("99991231235960_f.up.sql", created("f"))
        s:expect(2, "create", "a/b")
        s:expect(2, "create")
        s:expect(2, "create", "x", "--seq", "--timestamp")
        s:expect(0, "validate")
    end)

    it("never overwrite", function()
        s:file("5_x.up.sql", "")
        s:file("6_y.down.sql", "mine")
        s:expect(2, "create", "y")
        assert.equal("mine", s:read("migrations/6_y.down.sql"))
    end)

    it("init makes folder and settings once", function()
        os.execute("rmdir " .. s.dir .. "/migrations")
        assert.equal("created migrations/\ncreated luamig.lua\n", s:expect(0, "init").out)
        assert.equal("kept migrations/\nkept luamig.lua\n", s:expect(0, "init").out)
        s:expect(0, "plan")
    end)
end)

describe("validate", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("needs no database and says every problem", function()
        s:files { ["1_a.up.sql"] = "SELECT 'x;", ["2_b.up.sql"] = "\n\n-- luamig: tmeout=1s\n",
            ["3_c.down.sql"] = "", ["x.up.sql"] = "", ["4_d.up.sql"] = "SELECT 1;" }
        local r = s:expect(4, "validate", { env = { LUAMIG_DATABASE = false } })
        assert.matches("1_a.up.sql:1:8", r.err, 1, true)
        assert.matches("2_b.up.sql:3", r.err, 1, true)
        assert.matches("3_c.down.sql", r.err, 1, true)
        assert.matches("x.up.sql", r.err, 1, true)
        assert.equal("4 errors in 3 files\n", r.out)
    end)

    it("shows modes with -v and statements with --json", function()
        s:files { ["1_a.up.sql"] = "SELECT 1;\n\nSELECT 2", ["2_b.up.sql"] = "VACUUM;", ["3_c.up.sql"] = "" }
        local r = s:expect(0, "validate", "-v")
        assert.matches("1_a.up.sql  transaction, 2 statements", r.out, 1, true)
        assert.matches("2_b.up.sql  statements, 1 statement", r.out, 1, true)
        assert.matches("VACUUM in line 1", r.out, 1, true)
        assert.matches("(empty)", r.out, 1, true)
        local d = s:json("validate", "--json")
        assert.same({ { line = 1, text = "SELECT 1" }, { line = 3, text = "SELECT 2" } },
            d.files[1].statements)
        assert.equal("statements", d.files[2].mode)
        s:expect(0, "validate", "migrations/1_a.up.sql")
        s:expect(4, "validate", "migrations/nowhere.up.sql")
    end)
end)
