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

    --- A role of the scratch database's own; returns the environment in which luamig is it.
    local function as(options, ...)
        local role = s.name .. "_role"
        local sql = { ("CREATE ROLE %s LOGIN %s"):format(role, options) }
        for _, setting in ipairs { ... } do
            sql[#sql + 1] = ("ALTER ROLE %s SET %s"):format(role, setting)
        end
        s:sql(table.concat(sql, ";\n"))
        return { env = { LUAMIG_DATABASE = s.url:gsub("user=postgres", "user=" .. role) } }, role
    end

    local function forget(role)
        s:sql("DROP OWNED BY " .. role .. " CASCADE; DROP ROLE " .. role)
    end

    local kinds = {
        ["limits of its own"] = { "statement_timeout = '1s'", "lock_timeout = '1ms'",
            "idle_in_transaction_session_timeout = '1s'" },
        ["read only transactions"] = { "default_transaction_read_only = on", "default_transaction_deferrable = on" },
        ["serializable transactions"] = { "default_transaction_isolation = serializable" },
        ["repeatable reads"] = { "default_transaction_isolation = 'repeatable read'" },
        ["texts of its own"] = { "search_path = nowhere", "DateStyle = 'SQL, DMY'", "client_encoding = latin1",
            "standard_conforming_strings = off", "bytea_output = escape", "TimeZone = 'Asia/Tokyo'",
            "extra_float_digits = -10", "IntervalStyle = sql_standard" },
    }
    if support.version >= 140000 then table.insert(kinds["limits of its own"], "idle_session_timeout = '1s'") end
    if support.version >= 170000 then table.insert(kinds["limits of its own"], "transaction_timeout = '1s'") end
    for kind, settings in pairs(kinds) do
        it("as a role with " .. kind .. " works as without", function()
            local options, role = as("SUPERUSER", table.unpack(settings))
            s:file("1_a.up.sql", "CREATE TABLE public.a ();")
            s:file("2_b.up.sql", "CREATE TABLE public.b (x text);"
                .. (kind:find("limits") and "SELECT pg_sleep(1.3);" or "") .. "INSERT INTO public.b VALUES ('ü\\n')")
            s:file("3_c.up.sql", "CREATE INDEX CONCURRENTLY b_x ON public.b (x);")
            s:file("4_d.up.lua", "local v = db:one [[SELECT '\\x00ff'::bytea AS raw, 0.1::float8 + 0.2 AS f]]\n"
                .. "assert(v.raw == '\\0\\xff' and v.f == 0.1 + 0.2)\n"
                .. "db:exec 'UPDATE public.b SET x = x'")
            s:file("4_d.down.sql", "SELECT 1;")
            s:expect(0, "up", options)
            assert.equal("ü\\n", s:sql("SELECT x FROM b"))
            s:expect(0, "verify", options)
            s:expect(0, "redo", "--lock", "lease", options)
            local applied = s:json("status", "--json", options).migrations[1].applied_at
            assert.matches("^%d+%-%d%d%-%d%dT.*Z$", applied)
            assert.equal("t", s:sql(("SELECT abs(extract(epoch FROM now() - '%s')) < 600"):format(applied)))
            forget(role)
        end)
    end

    it("as a role that another is set for: what is made is the other's", function()
        local owner = s.name .. "_owner"
        s:sql("CREATE ROLE " .. owner .. "; GRANT CREATE ON DATABASE " .. s.name .. " TO " .. owner
            .. "; GRANT CREATE ON SCHEMA public TO " .. owner)
        local options, role = as("IN ROLE " .. owner .. " NOINHERIT", "role = " .. owner)
        s:file("2_b.up.sql", "SET ROLE " .. role .. "; RESET ROLE; CREATE TABLE b ();")
        s:file("3_c.up.sql", "CREATE INDEX CONCURRENTLY b_i ON b ((1)); RESET ALL; DISCARD ALL;\nCREATE TABLE c ();")
        s:expect(0, "up", options)
        s:expect(0, "verify", options)
        assert.equal(owner, s:sql("SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables"
            .. " WHERE schemaname IN ('public', 'luamig')"))
        s:sql("DROP OWNED BY " .. owner .. " CASCADE")
        forget(role)
        s:sql("DROP ROLE " .. owner)
    end)

    it("as a role with CREATE on one schema alone, luamig's table among its own", function()
        local options, role = as("", "search_path = app")
        s:sql("REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA app;"
            .. "GRANT USAGE, CREATE ON SCHEMA app TO " .. role)
        s:file("2_b.up.sql", "CREATE INDEX CONCURRENTLY a_i ON a ((1));"):file("2_b.down.sql", "DROP INDEX a_i;")
        s:file("3_c.up.lua", "-- luamig: no-transaction\ndb:step('x', function() db:exec 'CREATE TABLE c ()' end)")
        options.env.LUAMIG_TABLE = "app.migrations"
        for _, lock in ipairs { "advisory", "lease" } do
            s:expect(0, "up", "--lock", lock, options)
            s:expect(0, "status", options)
            s:expect(0, "verify", options)
            s:expect(0, "history", options)
            s:sql("DELETE FROM app.migrations; DROP TABLE app.a, app.c")
        end
        assert.equal("0", s:sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'luamig'"))
        forget(role)
    end)
end)
