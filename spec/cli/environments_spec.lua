local support = require "support"

describe("environments", function()
    local s
    before_each(function()
        s = support.scratch()
        for _, name in ipairs { "base", "production", "test" } do
            os.execute("mkdir " .. s.dir .. "/migrations/" .. name)
        end
        s:files { ["migrations/base/1_a.up.sql"] = "CREATE TABLE a ();",
            ["migrations/base/1_a.down.sql"] = "DROP TABLE a;", ["migrations/base/4_d.up.sql"] = "",
            ["migrations/production/3_p.up.sql"] = "CREATE TABLE p ();",
            ["migrations/production/3_p.down.sql"] = "DROP TABLE p;",
            ["migrations/test/3_t.up.sql"] = "CREATE TABLE t ();" }
    end)
    after_each(support.cleanup)

    local bad = { LUAMIG_DATABASE = "postgres://nobody@127.0.0.1:1/x" } -- must not be asked

    local function folder(name)
        os.execute(("mkdir -p '%s/migrations/%s'"):format(s.dir, name))
    end

    local function kept()
        return s:sql("SELECT string_agg(version || ':' || coalesce(environments::text, 'NULL'), ' '"
            .. " ORDER BY id) FROM luamig.applied_migrations_history")
    end

    it("base alone is always on", function()
        s:expect(0, "up")
        assert.equal("1,4", s:applied())
        assert.equal("1:{} 4:{}", kept())
        s:expect(0, "verify")
    end)

    it("selected ones are merged into one sequence by version", function()
        local r = s:expect(0, "up", "--env", "production")
        assert.matches("applied 1_a.*applied 3_p.*applied 4_d", r.err)
        assert.equal("1,3,4", s:applied())
        assert.is_false(s:has("t"))
        assert.equal("1:{production} 3:{production} 4:{production}", kept())
        s:expect(0, "verify", "--env", "production")
    end)

    it("the same version in two selected folders is exit 4 that names both, before any connection", function()
        for _, command in ipairs { "up", "down", "redo", "validate", "plan", "status", "verify" } do
            local looks = command == "plan" or command == "status" or command == "verify"
            local r = s:expect(4, command, "--env", "production", "--env", "test",
                { env = not looks and bad or nil })
            assert.matches("migrations/production/3_p.up.sql", r.err, 1, true)
            assert.matches("migrations/test/3_t.up.sql", r.err, 1, true)
        end
        for _, args in ipairs { { "baseline", "4" }, { "mark", "applied", "4" }, { "repair" } } do
            args[#args + 1] = "--env=production,test"
            args[#args + 1] = { env = bad }
            assert.matches("version 3 has two up files", s:expect(4, table.unpack(args)).err)
        end
        s:file("migrations/base/03_b.up.sql", "")
        local r = s:expect(4, "up", "--env", "test", { env = bad })
        assert.matches("base/03_b.up.sql' and 'migrations/test/3_t.up.sql", r.err, 1, true)
    end)

    it("a down in another layer than its up is exit 4", function()
        s:file("migrations/production/4_d.down.sql", "")
        local r = s:expect(4, "up", "--env", "production", { env = bad })
        assert.matches("version 4 is in two layers", r.err)
        s:expect(0, "up")
    end)

    it("a selected folder that is missing is a warning that lists those there are", function()
        folder ".git"
        folder "lib"
        local r = s:expect(0, "up", "--env", "stage")
        assert.matches("environment 'stage' adds nothing: no folder 'migrations/stage'", r.err, 1, true)
        assert.matches("There are: production, test.", r.err, 1, true)
        assert.equal("1,4", s:applied())
        assert.matches("adds nothing", s:expect(0, "status", "--env", "stage").err)
        assert.matches("adds nothing", s:expect(0, "validate", "--env", "stage").err)
        s:expect(4, "up", "--env", "stage", "--strict", { env = bad })
        os.execute("rm -r " .. s.dir .. "/migrations/production " .. s.dir .. "/migrations/test")
        assert.matches("There are no environments.", s:expect(0, "plan", "--env", "stage").err, 1, true)
    end)

    it("an empty one is fine", function()
        folder "stage"
        local r = s:expect(0, "up", "--env", "stage")
        assert.is_nil(r.err:find("warning"))
        assert.equal("1:{stage} 4:{stage}", kept())
        s:expect(0, "verify", "--env", "stage")
        os.execute("rm " .. s.dir .. "/migrations/base/*")
        assert.matches("wrong folder", s:expect(4, "up").err)
    end)

    it("a migration beside the layers is exit 4 before any connection", function()
        s:files { ["2_b.up.sql"] = "", ["README.md"] = "", ["hooks.lua"] = "return {}" }
        local r = s:expect(4, "up", { env = bad })
        assert.matches("'migrations/2_b.up.sql' stands beside the layers", r.err, 1, true)
        assert.matches("Move it into 'migrations/base'", r.err, 1, true)
        assert.is_nil(r.err:find("README"))
        s:expect(4, "validate")
        s:expect(4, "up", "--env", "test", { env = bad })
        s:remove("2_b.up.sql"):file("x.up.sql", "")
        assert.matches("x.up.sql' stands beside", s:expect(4, "up", { env = bad }).err, 1, true)
        s:remove("x.up.sql"):file("2_b.sql", "")
        assert.matches("warning: 'migrations/2_b.sql' stands beside", s:expect(0, "up").err, 1, true)
    end)

    it("on a flat folder are exit 2", function()
        folder "../flat"
        s:file("flat/1_a.up.sql", "")
        for _, name in ipairs { "production", "base" } do
            local r = s:expect(2, "up", "--dir", "flat", "--env", name, { env = bad })
            assert.matches("'flat' has no environments: it has no folder 'base'", r.err, 1, true)
        end
        s:expect(2, "status", "--dir", "flat", { env = { LUAMIG_ENVIRONMENTS = "test" } })
        s:expect(2, "create", "x", "--dir", "flat", "--env", "test")
        s:expect(0, "up", "--dir", "flat")
        assert.equal("1:NULL", kept())
        assert.matches('"environments":null', s:expect(0, "history", "--json").out, 1, true)
        local d = s:json("status", "--json", "--dir", "flat")
        assert.equal(support.json.null, d.migrations[1].environment or support.json.null)
    end)

    it("with a bad name are exit 2", function()
        for _, name in ipairs { "../test", ".git", "lib", "a/b", "/tmp", "a\nb", "test,", ",test", "x\xff" } do
            local r = s:expect(2, "up", "--env", name, { env = bad })
            assert.matches("--env: '", r.err, 1, true)
        end
        s:expect(2, "up", "--env", "", { env = bad })
        assert.matches("LUAMIG_ENVIRONMENTS: '..'", s:expect(2, "plan",
            { env = { LUAMIG_ENVIRONMENTS = "test,.." } }).err, 1, true)
        assert.matches("--base: 'lib'", s:expect(2, "plan", "--base", "lib").err, 1, true)
        s:expect(2, "plan", "--base", "..")
    end)

    it("--env base and one named twice are harmless", function()
        s:expect(0, "up", "--env", "base", "--env", "test", "--env", "test")
        assert.equal("1:{test} 3:{test} 4:{test}", kept())
    end)

    it("a late one of an environment added later is applied, and up says that they changed", function()
        folder "z \"b\\c\""
        assert.is_nil(s:expect(0, "up").err:find("environments changed"))
        local r = s:expect(0, "up", "--env", "production")
        assert.matches("note: late (below 4, the highest applied): 3_p", r.err, 1, true)
        assert.matches("note: environments changed: were none, are production\n", r.err, 1, true)
        assert.equal("1,3,4", s:applied())
        s:file("migrations/base/5_e.up.sql", "")
        assert.is_nil(s:expect(0, "up", "--env", "production").err:find("changed"))
        s:file("migrations/base/6_f.up.sql", "")
        local odd = "z \"b\\c\""
        assert.matches("were production, are production," .. odd .. "\n",
            s:expect(0, "up", "--env", odd, "--env", "production").err, 1, true)
        s:file("migrations/base/7_g.up.sql", "")
        assert.is_nil(s:expect(0, "up", "--env", "production", "--env", odd).err:find("changed"))
        s:file("migrations/base/8_h.up.sql", "")
        assert.matches("were production," .. odd .. ", are none\n", s:expect(0, "up").err, 1, true)
        local attempts = s:json("history", "--json").attempts
        assert.same({}, attempts[1].environments)
        assert.same({ "production", odd }, attempts[2].environments)
        assert.matches("production," .. odd, s:expect(0, "history").out, 1, true)
    end)

    it("are told in lines of JSON too", function()
        s:expect(0, "up")
        local out = s:expect(0, "up", "--env", "test", "--json").out
        assert.matches('"event":"notice".-"text":"environments changed: were none, are test"', out)
    end)

    it("come from LUAMIG_ENVIRONMENTS or luamig.lua, the flag wins", function()
        local function planned(...)
            local names = {}
            for name in s:expect(0, "plan", ...).out:gmatch("/%d+_(%a+)%.up") do names[#names + 1] = name end
            return table.concat(names, " ")
        end
        s:file("migrations/production/5_q.up.sql", ""):remove("test/3_t.up.sql"):file("migrations/test/6_u.up.sql", "")
        s:file("./luamig.lua", "return { environments = { 'test' } }")
        assert.equal("a d u", planned())
        s:file("./luamig.lua", "return { environments = { 'test', 'production' } }")
        assert.equal("a p d q u", planned())
        assert.equal("a p d q", planned { env = { LUAMIG_ENVIRONMENTS = " production " } })
        assert.equal("a p d q u", planned { env = { LUAMIG_ENVIRONMENTS = "production, test" } })
        assert.equal("a d u", planned("--env", "test", { env = { LUAMIG_ENVIRONMENTS = "production" } }))
        assert.equal("a d", planned("--env", "base"))
        s:file("./luamig.lua", "return { environments = {} }")
        assert.equal("a d", planned())
        s:file("./luamig.lua", "return { environments = 'test' }")
        assert.equal("a d u", planned())
        for _, value in ipairs { "{ production = true }", "{ 1 }", "{ '' }", "{ 'test', x = 'y' }" } do
            s:file("./luamig.lua", "return { environments = " .. value .. " }")
            assert.matches("'environments' must be a list of strings", s:expect(2, "plan").err)
        end
        s:file("./luamig.lua", "return { environments = { '../x' } }")
        assert.matches("environments in luamig.lua: '../x'", s:expect(2, "plan").err, 1, true)
    end)

    it("are known to a script", function()
        s:file("migrations/test/5_l.up.lua", "log.info('in %s', table.concat(migration.environments, '+'))")
        local r = s:expect(0, "up", "--env", "test", "--env", "stage")
        assert.matches("in stage+test", r.err, 1, true)
    end)

    it("--base renames base", function()
        os.execute(("mv %s/migrations/base %s/migrations/common"):format(s.dir, s.dir))
        s:expect(0, "up", "--base", "common", "--env", "test")
        assert.equal("1,3,4", s:applied())
        assert.equal("common", s:json("status", "--json", "--base", "common").migrations[1].environment)
    end)

    it("status names each file's", function()
        s:expect(0, "up", "--env", "test")
        s:file("migrations/production/5_q.up.sql", "")
        s:file("migrations/base/3_t.up.sql", "")
        s:remove("base/4_d.up.sql")
        local r = s:expect(0, "status", "--env", "production", "--base", "production")
        assert.matches("5  pending +production  q", r.out)
        local d = s:json("status", "--json")
        assert.equal("base", d.migrations[1].environment)
        assert.equal("migrations/base/1_a.up.sql", d.migrations[1].file)
        assert.equal(support.json.null, d.migrations[3].environment or support.json.null)
        assert.equal("orphan", d.migrations[3].state)
        s:remove("base/3_t.up.sql")
        d = s:json("status", "--json", "--env", "test")
        assert.equal("test", d.migrations[2].environment)
        assert.matches("3  applied  %S+  test  t\n", s:expect(0, "status", "--env", "test").out)
        d = s:json("plan", "--json", "--env", "production", "--base", "production")
        assert.equal("production", d.steps[#d.steps].environment)
    end)

    it("down, redo, baseline, mark and repair read the selected ones", function()
        s:expect(2, "baseline", "3")
        s:expect(0, "baseline", "3", "--env", "production")
        assert.equal("1,3", s:applied())
        assert.equal("1:{production} 3:{production}", kept())
        s:expect(0, "mark", "pending", "3")
        s:expect(4, "mark", "applied", "3")
        s:expect(0, "up", "--env", "production")
        assert.equal("1,3,4", s:applied())
        s:expect(0, "mark", "pending", "4")
        s:expect(0, "redo", "3", "--env", "production")
        s:file("migrations/production/3_p.up.sql", "CREATE TABLE p (); -- edited")
        assert.matches("nothing to repair", s:expect(0, "repair").err)
        s:expect(0, "repair", "--yes", "--env", "production")
        s:expect(0, "down", "--env", "production")
        assert.is_false(s:has("p"))
        assert.equal("1", s:applied())
    end)

    it("create makes files in base or --env, numbered through all folders", function()
        local function created(...)
            return s:expect(0, "create", ...).out
        end
        s:file("migrations/test/0017_x.up.sql", "")
        assert.equal("migrations/base/0018_a.up.sql\nmigrations/base/0018_a.down.sql\n", created("a"))
        assert.matches("migrations/production/0019_b.up.sql", created("b", "--env", "production"), 1, true)
        assert.matches("migrations/base/0020_c.up.lua", created("c", "--env", "base", "--lua"), 1, true)
        assert.matches("migrations/base/0021_d.up.sql", created("d",
            { env = { LUAMIG_ENVIRONMENTS = "production,test" } }), 1, true)
        local r = s:expect(2, "create", "e", "--env", "stage")
        assert.matches("no folder 'migrations/stage'", r.err, 1, true)
        assert.matches("mkdir migrations/stage", r.err, 1, true)
        folder "stage"
        assert.matches("migrations/stage/0022_e.up.sql", created("e", "--env", "stage"), 1, true)
        assert.matches("one --env", s:expect(2, "create", "f", "--env", "test", "--env", "stage").err, 1, true)
        s:expect(2, "create", "f", "--env", "lib")
    end)

    it("the down of one that is no longer selected is taken from the history", function()
        s:expect(0, "up", "--env", "production")
        s:expect(0, "mark", "pending", "4")
        s:expect(0, "down")
        assert.is_false(s:has("p"))
        assert.equal("1", s:applied())
    end)
end)
