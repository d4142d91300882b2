local support = require "support"

describe("goose's files", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("go up and down beside others, in one sequence", function()
        s:files {
            ["00001_users.sql"] = "-- +goose Up\nCREATE TABLE users (id int);\n-- +goose StatementBegin\n"
                .. "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$\n-- +goose"
                    .. " StatementEnd\n"
                .. "-- +goose Down\nDROP FUNCTION f;\nDROP TABLE users;\n",
            ["2_mid.up.sql"] = "CREATE TABLE mid ();",
            ["2_mid.down.sql"] = "DROP TABLE mid;",
            ["00003_last.sql"] = "-- +goose up\nINSERT INTO users VALUES (f());\n-- +goose down\nDELETE FROM users;\n",
        }
        assert.matches("00003_last.sql +transaction, 1 statement", s:expect(0, "plan").out)
        s:expect(0, "validate")
        s:expect(0, "up")
        assert.equal("1,2,3", s:applied())
        assert.equal("DELETE FROM users;\n", s:sql("SELECT down_text FROM luamig.applied_migrations_history"
            .. " WHERE version = 3") .. "\n")
        assert.matches("up to date", s:expect(0, "up").err)
        s:expect(0, "down", "--count", "1")
        assert.equal("0", s:sql("SELECT count(*) FROM users"))
        s:remove("00001_users.sql")
        s:expect(0, "down", "--all", "--yes")
        assert.is_false(s:has("users"))
    end)

    it("with NO TRANSACTION run statement by statement, a block as one, both ways", function()
        s:files {
            ["1_a.sql"] = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (n int);\n"
                .. "CREATE INDEX CONCURRENTLY a_n ON a (n);\n-- +goose StatementBegin\n"
                .. "INSERT INTO a VALUES (1); INSERT INTO a SELECT 1/0 FROM a;\n-- +goose StatementEnd\n"
                .. "-- +goose Down\nDROP INDEX CONCURRENTLY a_n;\nDROP TABLE a;\n",
        }
        assert.matches("1_a.sql:6", s:expect(7, "up").err, 1, true)
        assert.equal("0", s:sql("SELECT count(*) FROM a"))
        assert.equal("1,2", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM luamig.applied_migrations_steps"))
        s:sql("DELETE FROM luamig.applied_migrations_steps; DROP TABLE a")
        s:file("1_a.sql", (s:read("migrations/1_a.sql"):gsub("1/0", "1")))
        s:expect(0, "up")
        assert.equal("2", s:sql("SELECT count(*) FROM a"))
        s:remove("1_a.sql")
        s:file("2_b.up.sql", "")
        s:expect(0, "down")
        assert.is_false(s:has("a"))
    end)

    it("with NO TRANSACTION keep what a done block SET, on a resume too", function()
        s:file("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE SCHEMA x; CREATE TABLE x.a (n int);\n"
            .. "-- +goose StatementBegin\nSET LOCAL lock_timeout = '2s';\nSET search_path = x;\n"
            .. "INSERT INTO a VALUES (1);\n-- +goose StatementEnd\nINSERT INTO a SELECT 1 / 0;\n")
        local r = s:expect(7, "up")
        assert.is_nil(r.err:find("no effect", 1, true))
        s:file("1_a.sql", (s:read("migrations/1_a.sql"):gsub("1 / 0", "2")))
        s:expect(0, "up")
        assert.equal("1,2", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM x.a"))
    end)

    it("never have their Down run by an up, however it is written", function()
        for i, mark in ipairs { "-- +gooseDown", "---- +goose Down", "--+goose down", "-- -- +goose Down" } do
            s:file(i .. "_a.sql", ("-- +goose Up\nCREATE TABLE a%d ();\n%s\nDROP TABLE a%d;\n"):format(i, mark, i))
        end
        s:expect(0, "up")
        for i = 1, 4 do assert.is_true(s:has("a" .. i)) end
        s:expect(0, "down", "--all", "--yes")
        for i = 1, 4 do assert.is_false(s:has("a" .. i)) end
    end)

    it("have ENVSUB from the environment", function()
        s:file("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE ${NAME:-a} (t text DEFAULT '$$ $1');\n"
            .. "INSERT INTO $NAME VALUES ('${REGION?which one}');\n-- +goose ENVSUB OFF\nINSERT INTO b VALUES"
                .. " ('$NAME');\n")
        local r = s:expect(4, "up", { env = { NAME = "b" } })
        assert.matches("variable 'REGION' is not set: which one", r.err)
        assert.matches("1_a.sql:4", r.err, 1, true)
        s:expect(0, "up", { env = { NAME = "b", REGION = "eu" } })
        assert.equal("$NAME,eu", s:sql("SELECT string_agg(t, ',' ORDER BY t) FROM b"))
    end)

    it("have ENVSUB in the Down too, checked by the up", function()
        s:file("1_a.sql", "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\n-- +goose ENVSUB ON\n-- ${no\n"
            .. "SELECT '$V';\nDROP TABLE ${T?which};\n")
        assert.matches("1_a.sql:7", s:expect(4, "up").err, 1, true)
        local r = s:expect(4, "up", { env = { T = "a", V = "\xFF" } })
        assert.matches("the value of a variable is not UTF%-8.-1_a.sql:6", r.err)
        s:expect(0, "up", { env = { T = "a" } })
        s:expect(0, "down", { env = { T = "a" } })
        assert.is_false(s:has("a"))
    end)

    it("may have no Down: then they are irreversible", function()
        s:file("1_a.sql", "-- +goose Up\nCREATE TABLE a ();\n")
        s:expect(0, "up")
        assert.matches("has no down", s:expect(4, "down").err)
    end)

    it("of one version twice are an error; without marks a warning", function()
        s:files { ["1_a.sql"] = "-- +goose Up\nSELECT 1;\n", ["1_b.up.sql"] = "" }
        assert.matches("version 1 has two up files", s:expect(4, "up").err)
        s:file("1_a.sql", "SELECT 1;\n-- +goosey")
        local r = s:expect(0, "up")
        assert.matches("'1_a.sql' is no migration.-goose Up", r.err)
        assert.equal("b", s:sql("SELECT name FROM luamig.applied_migrations"))
    end)

    it("that cannot be read are an error, not left out", function()
        s:file("2_b.up.sql", "CREATE TABLE b ()")
        os.execute("ln -s /nonexistent '" .. s.dir .. "/migrations/1_a.sql'")
        assert.matches("1_a.sql", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has("b"))
        s:remove("1_a.sql")
        os.execute("mkdir '" .. s.dir .. "/migrations/1_a.sql'")
        s:expect(0, "up")
    end)

    it("may be annotated .up.sql and .down.sql, too", function()
        s:files { ["1_a.up.sql"] = "-- +goose Up\n-- +goose NO TRANSACTION\nCREATE TABLE a (); VACUUM a;",
            ["1_a.down.sql"] = "-- +goose Down\nDROP TABLE a;" }
        s:expect(0, "validate")
        s:expect(0, "up")
        s:expect(0, "down")
        s:file("1_a.up.sql", "SELECT 1;\n-- +goose Down\nSELECT 2;")
        assert.matches("Down section in an up file.-1_a.up.sql:2", s:expect(4, "up").err)
    end)

    it("run outside of the history with exec", function()
        s:file("./seed.sql", "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;\n")
        s:expect(0, "exec", "seed.sql")
        assert.is_true(s:has("a"))
        s:expect(0, "exec", "seed.sql", "--down")
        assert.is_false(s:has("a"))
    end)

    it("go down from the history as from the file: block by block", function()
        s:files { ["1_a.sql"] = "-- luamig: no-transaction\n-- +goose NO TRANSACTION\n-- +goose Up\n"
            .. "CREATE TABLE a (n int);\n-- +goose Down\n-- +goose StatementBegin\nINSERT INTO a VALUES (1);\n"
            .. "SELECT 1 / count(*) FROM b;\n-- +goose StatementEnd\nDROP TABLE a;\n",
            ["2_b.up.sql"] = "" }
        s:sql("CREATE TABLE b ()")
        s:expect(0, "up", "--only", "1")
        s:remove("1_a.sql")
        assert.matches("the history's down of 1_a:%d+.-SELECT 1 / count", s:expect(7, "down", "--all", "--yes").err)
        assert.equal("0", s:sql("SELECT count(*) FROM a"))
        s:sql("ALTER TABLE b ADD n int; INSERT INTO b VALUES (1)")
        s:expect(0, "down", "--all", "--yes")
        assert.is_false(s:has("a"))
    end)

    it("are read by name or by marks with exec", function()
        s:files { ["./up.up.sql"] = "-- +goose Up\nCREATE TABLE a ()",
            ["./down.down.sql"] = "-- +goose Down\nDROP TABLE a",
            ["./none.sql"] = "-- +goose Up\nSELECT 1;\n", ["./plain.sql"] = "-- +goose NO TRANSACTION\nVACUUM" }
        s:expect(0, "exec", "up.up.sql")
        s:expect(0, "exec", "down.down.sql", "plain.sql")
        assert.is_false(s:has("a"))
        assert.matches("there is no '%-%- %+goose Down'.-none.sql:1", s:expect(4, "exec", "none.sql", "--down").err)
    end)

    for name, case in pairs {
        ["Up twice"] = { "-- +goose Up\n-- +goose Up\n", 2 },
        ["Down first"] = { "-- +goose Down\n-- +goose Up\n", 1 },
        ["End without Begin"] = { "-- +goose Up\n-- +goose StatementEnd\n", 2 },
        ["a missing End"] = { "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", 2 },
        ["an unknown annotation"] = { "-- +goose Up\n-- +goose StatementBegn\n", 2 },
        ["a misspelled Up alone"] = { "-- +goose Upp\nSELECT 1;\n", 1 },
        ["a Down alone"] = { "-- +goose Down\nSELECT 1;\n", 1 },
        ["leading white space"] = { "-- +goose Up\n -- +goose Down\n", 2 },
        ["text without semicolon"] = { "-- +goose Up\nSELECT 1\n", 2 },
        ["a semicolon in a comment only"] = { "-- +goose Up\nSELECT 1 -- one;\n", 2 },
        ["a statement before Up"] = { "SELECT 1;\n-- +goose Up\n", 1 },
    } do
        it("with " .. name .. " are exit 4, with the line", function()
            s:files { ["1_ok.up.sql"] = "CREATE TABLE ok ()", ["2_a.sql"] = case[1] }
            assert.matches("2_a.sql:" .. case[2], s:expect(4, "up").err, 1, true)
            assert.is_false(s:has("ok"))
        end)
    end

    it("with a BOM, CRLF and $$ without a block are fine; prose about +goose is none", function()
        s:file("1_a.sql", "\xEF\xBB\xBF-- +goose Up\r\n-- see +goose docs\r\nDO $$ BEGIN PERFORM 1; END $$;\r\n"
            .. "CREATE TABLE a ();\r\n-- +goose Down\r\nDROP TABLE a;\r\n")
        s:expect(0, "up")
        s:expect(0, "down")
    end)
end)
