local support = require "support"

describe("connecting #server", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
    end)
    after_each(support.cleanup)

    local function with(url)
        return { env = { LUAMIG_DATABASE = url } }
    end

    it("to nobody is exit 5 with host and port, no secret", function()
        local r = s:expect(5, "up", with("postgres://u:SECRET@127.0.0.1:1/d"))
        assert.matches("127.0.0.1", r.err, 1, true)
        assert.matches("port 1 ", r.err, 1, true)
        assert.is_nil(r.err:find("SECRET"))
        s:expect(5, "status", with("postgres://u:SECRET@127.0.0.1:1/d"))
    end)

    it("to an absent database is exit 5", function()
        local r = s:expect(5, "up", with((s.url:gsub(s.name, "no_such_database"))))
        assert.matches('database "no_such_database" does not exist', r.err)
    end)

    it("goes on trying with --connect-wait", function()
        local r = s:expect(5, "up", "--connect-wait", "1500ms", with("postgres://u@127.0.0.1:1/d"))
        assert.matches("waiting for", r.err)
    end)

    for setting, value in pairs {
        default_transaction_isolation = "'repeatable read'",
        default_transaction_read_only = "on",
        statement_timeout = "'1s'",
        idle_in_transaction_session_timeout = "'1s'",
        lock_timeout = "'1ms'",
        search_path = "nowhere",
        DateStyle = "'SQL, DMY'",
        client_encoding = "latin1",
    } do
        it("as a role with " .. setting .. " = " .. value .. " works as without", function()
            local role = s.name .. "_role"
            s:sql(("CREATE ROLE %s LOGIN SUPERUSER; ALTER ROLE %s SET %s = %s"):format(role, role, setting,
                value))
            s:file("2_b.up.sql", "CREATE TABLE public.b (x text); SELECT pg_sleep(1.3);"
                .. "INSERT INTO public.b VALUES ('ü')")
            s:file("3_c.up.sql", "CREATE INDEX CONCURRENTLY b_x ON public.b (x);")
            s:file("1_a.up.sql", "CREATE TABLE public.a ();")
            local env = { LUAMIG_DATABASE = s.url:gsub("user=postgres", "user=" .. role) }
            s:expect(0, "up", { env = env })
            assert.equal("ü", s:sql("SELECT x FROM b"))
            s:expect(0, "verify", { env = env })
            assert.matches("^%d+%-%d%d%-%d%dT", s:json("status", "--json",
                { env = env }).migrations[1].applied_at)
            s:sql("DROP OWNED BY " .. role .. " CASCADE; DROP ROLE " .. role)
        end)
    end
end)
