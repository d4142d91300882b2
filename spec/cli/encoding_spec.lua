local support = require "support"

describe("a database in", function()
    local s
    local function database(encoding)
        s = support.scratch { database = "ENCODING '" .. encoding .. "' LOCALE 'C' TEMPLATE template0" }
    end
    after_each(support.cleanup)

    for _, encoding in ipairs { "SQL_ASCII", "LATIN1" } do
        it(encoding .. " is migrated in UTF-8: names, texts, places in errors", function()
            database(encoding)
            s:file("1_grün.up.sql", "CREATE TABLE t (x text); INSERT INTO t VALUES ('grün');")
            s:file("1_grün.down.sql", "DROP TABLE t; -- weg: ü")
            s:file("2_lua.up.lua", "db:exec('INSERT INTO t VALUES ($1)', 'blaü') assert(db:value"
                .. " \"SELECT string_agg(x, ' ') FROM t\" == 'grün blaü')")
            s:file("2_lua.down.sql", "")
            s:expect(0, "up")
            s:expect(0, "verify")
            assert.matches("1  applied  %S+  grün\n", s:expect(0, "status").out)
            assert.equal("DROP TABLE t; -- weg: ü", s:sql("SET client_encoding = 'UTF8';"
                .. " SELECT down_text FROM luamig.applied_migrations_history WHERE version = 1"))
            s:file("3_x.up.sql", "SELECT 'üüü', nmae\n FROM t;")
            assert.matches("3_x.up.sql:1:15 .*SELECT 'üüü', nmae\n +|               ^\n", s:expect(7, "up").err)
            s:file("3_x.up.sql", "DO $$ BEGIN RAISE 'süß'; END $$;")
            assert.matches("error: süß", s:expect(7, "up").err)
            assert.equal("süß", s:json("history", "--json").attempts[1].message)
            s:expect(0, "down", "--count", "2")
        end)
    end

    it("LATIN1 refuses what it cannot keep before anything runs", function()
        database("LATIN1")
        local function refused(file, reason)
            local r = s:expect(4, "up")
            assert.matches("no equivalent in encoding \"LATIN1\"", r.err, 1, true)
            assert.matches("migrations/" .. file, r.err, 1, true)
            assert.matches(reason or "", r.err, 1, true)
            assert.is_false(s:has("a"))
        end
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        s:file("2_b.up.sql", "SELECT 'a→b';")
        refused("2_b.up.sql:1")
        s:file("2_b.up.sql", "SELECT 1; -- a→b"):file("2_b.down.sql", "SELECT 1; -- a→b")
        refused("2_b.down.sql", "cannot keep this down, comments included")
        s:remove("2_b.down.sql"):file("3_a→b.up.sql", "")
        refused("3_a→b.up.sql", "cannot keep the file's name")
        s:remove("3_a→b.up.sql"):expect(0, "up")
        s:expect(0, "exec", "migrations/2_b.up.sql")
    end)

    it("SQL_ASCII keeps bytes; a script that reads what is no UTF-8 is told so", function()
        database("SQL_ASCII")
        s:sql("CREATE TABLE t AS SELECT E'\\344'::text AS x")
        s:file("1_a.up.lua", "db:value 'SELECT x FROM t'")
        local r = s:expect(7, "up")
        assert.matches("invalid byte sequence for encoding \"UTF8\": 0xe4", r.err, 1, true)
        assert.matches("1_a.up.lua:1", r.err, 1, true)
    end)
end)
