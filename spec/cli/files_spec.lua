local support = require "support"

describe("the migrations folder", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    --- Nothing of luamig's is in the database.
    local function untouched()
        assert.is_false(s:has("luamig.applied_migrations"))
    end

    it("absent is exit 2", function()
        local r = s:expect(2, "up", "--dir", "nowhere")
        assert.matches("no folder 'nowhere'", r.err)
    end)

    it("empty with nothing applied is exit 0, said so", function()
        assert.matches("up to date", s:expect(0, "up").err)
        untouched()
    end)

    it("empty with versions applied is exit 4", function()
        s:file("1_a.up.sql", ""):expect(0, "up")
        s:remove("1_a.up.sql")
        assert.matches("wrong folder%? all 1 applied are orphans", s:expect(4, "up").err)
        assert.matches("wrong folder", s:expect(4, "status").err)
    end)

    local bad = { LUAMIG_DATABASE = "postgres://nobody@127.0.0.1:1/x" } -- must not be asked

    it("with two ups of a version is exit 4 before any connection", function()
        s:files { ["1_a.up.sql"] = "", ["0001_b.up.sql"] = "" }
        local r = s:expect(4, "up", { env = bad })
        assert.matches("version 1 has two up files", r.err)
        assert.matches("1_a.up.sql", r.err)
        assert.matches("0001_b.up.sql", r.err)
    end)

    it("with a SQL and a Lua up of a version is exit 4", function()
        s:files { ["1_a.up.sql"] = "", ["1_a.up.lua"] = "" }
        assert.matches("two up files", s:expect(4, "up", { env = bad }).err)
    end)

    it("with two downs of a version is exit 4", function()
        s:files { ["1_a.up.sql"] = "", ["1_a.down.sql"] = "", ["1_b.down.sql"] = "" }
        assert.matches("two down files", s:expect(4, "up", { env = bad }).err)
    end)

    for name, reason in pairs {
        ["12345678901234567890_x.up.sql"] = "64 bits",
        ["107-x.up.sql"] = "underscore",
        ["x.up.sql"] = "no version",
        ["0007.up.sql"] = "no name",
        ["0007_.up.sql"] = "no name",
    } do
        it("with '" .. name .. "' is exit 4 before any connection", function()
            s:file("1_a.up.sql", ""):file(name, "")
            local r = s:expect(4, "up", { env = bad })
            assert.matches(name, r.err, 1, true)
            assert.matches(reason, r.err, 1, true)
        end)
    end

    it("may hold other things, and what looks as if it was meant is warned of", function()
        s:files { ["1_a.up.sql"] = "", ["README.md"] = "", ["tool.go"] = "", ["atlas.sum"] = "",
            ["0007_x_up.sql"] = "", ["0008_x.sql"] = "", ["2_b.down.sql"] = "" }
        local r = s:expect(0, "up")
        assert.matches("0007_x_up.sql", r.err, 1, true)
        assert.matches("0008_x.sql", r.err, 1, true)
        assert.matches("2_b.down.sql", r.err, 1, true)
        assert.is_nil(r.err:find("README"))
        assert.equal("1", s:applied())
        s:expect(4, "up", "--strict", "--only", "1")
    end)

    it("says every problem at once", function()
        s:files { ["x.up.sql"] = "", ["y.up.sql"] = "", ["1_a.up.sql"] = "", ["01_b.up.sql"] = "" }
        local r = s:expect(4, "up", { env = bad })
        assert.matches("x.up.sql", r.err, 1, true)
        assert.matches("y.up.sql", r.err, 1, true)
        assert.matches("01_b.up.sql", r.err, 1, true)
        assert.matches("3 problems", r.err)
    end)

    it("takes odd names: dots, dashes, unicode, versions 0 and 2^63-1", function()
        s:files { ["0_zero.up.sql"] = "", ["1_a.b-c.sql.up.sql"] = "", ["2_prüfung.up.sql"] = "",
            ["9223372036854775807_last.up.sql"] = "" }
        s:expect(0, "up")
        assert.equal("0,1,2,9223372036854775807", s:applied())
        assert.equal("a.b-c.sql", s:sql(
            "SELECT name FROM luamig.applied_migrations WHERE version = 1"))
    end)

    -- A bad file last: nothing before it may run.
    local cases = {
        { "a NUL", "SELECT 1;\0", "offset 9" },
        { "invalid UTF-8", "SELECT '\xff';", "offset 8" },
        { "an unknown directive", "\n-- luamig: no-transactoin\nSELECT 1;", "3_c.up.sql:2",
            "no%-transaction" },
        { "an unterminated string", "SELECT 1;\nSELECT 'x;", ":2:8", "unterminated string" },
        { "an unterminated quoted name", "SELECT \"x;", "unterminated quoted name" },
        { "an unterminated comment", "\n/* x", ":2:1", "unterminated comment" },
        { "an unterminated dollar quote", "DO $a$ BEGIN $b$", ":1:4", "dollar%-quoted" },
        { "COPY data without end", "COPY a FROM STDIN;\n1\n", ":1:1", "COPY" },
        { "a syntax error", "SELECT 1;\nSELEC 2;", ":2:1", "SELEC" },
        { "another client_encoding", "SET client_encoding = 'latin1';", ":1", "client_encoding" },
        { "SET NAMES", "SET NAMES 'latin1';", ":1", "client_encoding" },
        { "strings as of old", "SET standard_conforming_strings = off;", ":1", "strings" },
        { "PREPARE TRANSACTION", "PREPARE TRANSACTION 'x';", ":1", "PREPARE TRANSACTION" },
        { "an unclosed BEGIN", "SELECT 1;\nBEGIN;\nSELECT 2;", ":2", "not ended" },
        { "COMMIT AND CHAIN", "BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;\nCOMMIT;", ":3", "CHAIN" },
        { "a meta command", "SELECT 1;\n\\connect x\n", ":2:1", "meta command" },
        { "READ ONLY", "BEGIN READ ONLY;\nSELECT 1;\nCOMMIT;", "READ ONLY" },
    }
    for _, case in ipairs(cases) do
        it("with " .. case[1] .. " in the last file is exit 4, nothing applied", function()
            s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.sql"] = "",
                ["3_c.up.sql"] = case[2] }
            local r = s:expect(4, "up")
            assert.matches("3_c.up.sql", r.err, 1, true)
            for i = 3, #case do assert.matches(case[i], r.err) end
            assert.is_false(s:has("a"))
            assert.equal("", s:applied())
        end)
    end

    it("with a Lua syntax error in the last file is exit 4, nothing applied", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.lua"] = "\nx = = 1" }
        assert.matches("2_b.up.lua:2", s:expect(4, "validate").err, 1, true)
        assert.matches("2_b.up.lua:2", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has("a"))
    end)

    it("reads BOM, CRLF and a missing last semicolon", function()
        s:file("1_a.up.sql", "\xEF\xBB\xBF-- luamig: timeout=1m\r\nCREATE TABLE a ();\r\n"
            .. "CREATE TABLE b ()")
        s:expect(0, "up")
        assert.is_true(s:has("a"))
        assert.is_true(s:has("b"))
    end)

    it("counts the column behind a BOM", function()
        s:file("1_a.up.sql", "\xEF\xBB\xBFSELEC 1;")
        assert.matches("1_a.up.sql:1:1", s:expect(4, "up").err, 1, true)
    end)
end)
