local support = require "support"

local PASSWORD = "S3%c#r@t:/? 'x"
local ENCODED = "S3%25c%23r%40t%3A%2F%3F%20%27x"

-- Any of these in an output is the password, or a part of it.
local FORMS = { PASSWORD, ENCODED, "S3%c", "S3%25c", "c#r@t", "r%40t" }

-- The only file with the role luamig_password.
describe("a password", function()
    local s, server, port

    setup(function()
        support.server_sql("CREATE ROLE luamig_password LOGIN SUPERUSER PASSWORD 'S3%c#r@t:/? ''x'")
        server, port = os.getenv("LUAMIG_TEST_TCP_URL"):match("@([^:/]+):(%d+)/")
    end)
    teardown(function() support.server_sql("DROP ROLE luamig_password") end)
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a ();\nCREATE TABLE seen AS"
            .. " SELECT concat_ws(' ', application_name, query) AS t FROM pg_stat_activity;")
        s:file("2_b.up.lua", "log.info('%s', db:value 'SELECT current_user')")
        s:file("3_c.up.sql", "SELECT 1/0;")
    end)
    after_each(support.cleanup)

    local function hidden(text, what)
        for _, form in ipairs(FORMS) do
            assert(not text:find(form, 1, true), (what or "output") .. " shows " .. form .. ":\n" .. text)
        end
    end

    --- Runs, and looks for the password in all that is written.
    local function run(status, ...)
        local r = s:expect(status, ...)
        hidden(r.out, "stdout")
        hidden(r.err, "stderr")
        return r
    end

    local function url(user_and_password, host_port)
        return ("postgres://%s@%s/%s"):format(user_and_password, host_port or (server .. ":" .. port), s.name)
    end

    local ways = {
        ["the URL"] = function()
            return { LUAMIG_DATABASE = url("luamig_password:" .. ENCODED) }
        end,
        ["PGPASSWORD"] = function()
            return { LUAMIG_DATABASE = url("luamig_password"), PGPASSWORD = PASSWORD }
        end,
        ["a passfile"] = function()
            s:file("./pass", ("%s:%s:*:luamig_password:%s\n"):format(server, port, (PASSWORD:gsub(":", "\\:"))))
            os.execute("chmod 600 " .. s.dir .. "/pass")
            return { LUAMIG_DATABASE = url("luamig_password"), PGPASSFILE = s.dir .. "/pass" }
        end,
        ["a service file"] = function()
            s:file("./services", ("[it]\nhost=%s\nport=%s\nuser=luamig_password\ndbname=%s\npassword=%s\n")
                :format(server, port, s.name, PASSWORD))
            return { LUAMIG_DATABASE = false, PGSERVICE = "it", PGSERVICEFILE = s.dir .. "/services" }
        end,
    }
    for name, way in pairs(ways) do
        it("from " .. name .. " works, and appears nowhere", function()
            local env = way()
            run(7, "up", "-v", "--json", { env = env })
            run(7, "up", "-v", { env = env })
            run(0, "status", "--json", { env = env })
            assert.equal("1,2", s:applied())
            hidden(s:sql("SELECT t FROM seen"), "pg_stat_activity")
            hidden(s:sql("SELECT h::text FROM luamig.applied_migrations_history h"), "the history")
        end)
    end

    it("that is wrong, or is for nobody, is not shown", function()
        for _, args in ipairs { { "up", "-v" }, { "up", "--json" }, { "status" } } do
            args[3] = { env = { LUAMIG_DATABASE = url("luamig_password:" .. ENCODED .. "1") } }
            assert.matches("password authentication failed", run(5, table.unpack(args, 1, 3)).err)
            args[3] = { env = { LUAMIG_DATABASE = url("u:" .. ENCODED, "127.0.0.1:1") } }
            assert.matches("127.0.0.1", run(5, table.unpack(args, 1, 3)).err, 1, true)
            args[3] = { env = { LUAMIG_DATABASE = url("u", "127.0.0.1:1"), PGPASSWORD = PASSWORD } }
            run(5, table.unpack(args, 1, 3))
        end
        local r = run(5, "up", { env = { LUAMIG_DATABASE = url("luamig_password") } })
        assert.matches("no password supplied", r.err)
        assert.matches("PGPASSWORD, a passfile", r.err, 1, true)
    end)

    it("in a URL that cannot be read, or is torn by it, is not shown", function()
        for _, text in ipairs { PASSWORD, "S3%c", "S3/c#r@t", "12/c#r@t", "S3?c#r@t", "12?c#r@t=1", "c#r@t@c#r@t" } do
            local r = run(2, "up", "--json", { env = { LUAMIG_DATABASE = url("u:" .. text) } })
            assert.matches("In a password write '%' as %25", r.err, 1, true)
            s:file("./.env", "DATABASE_URL=" .. url("u:" .. text) .. "\n")
            run(2, "status", "-v", { env = { LUAMIG_DATABASE = false } })
            s:file("./.env", "")
        end
        run(2, "up", { env = { LUAMIG_DATABASE = "u:" .. PASSWORD .. "@h/d" } })
        run(2, "up", { env = { LUAMIG_DATABASE = "host=h pasword=" .. PASSWORD } })
        run(2, "up", { env = { LUAMIG_DATABASE = "mysql://u:" .. ENCODED .. "@h/d" } })
    end)

    it("on the command line is warned of, and not repeated where the argument is wrong", function()
        local r = run(7, "up", "--database", url("luamig_password:" .. ENCODED))
        assert.matches("warning: a password on the command line", r.err, 1, true)
        run(2, "up", "--databse", url("luamig_password:" .. ENCODED))
        run(2, "up", "--databse=" .. url("luamig_password:" .. ENCODED))
        run(2, "up", url("luamig_password:" .. ENCODED))
        run(2, "down", "--to", url("luamig_password:" .. ENCODED))
    end)
end)
