local support = require "support"

describe("a folder with", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
    end)
    after_each(support.cleanup)

    local function sh(script)
        assert(os.execute("cd " .. support.quote(s.dir) .. " && " .. script))
    end

    --- up refuses the folder for the file, and nothing is applied; no output is a broken line.
    local function refused(file, reason, status)
        local r = s:expect(status or 4, "up")
        assert.matches(file, r.err, 1, true)
        assert.matches(reason, r.err, 1, true)
        assert.is_false(s:has("a"))
        return r
    end

    it("quotes, line feeds and escapes in names is applied; each stays on one line", function()
        local name = "it's \"so\" $$ %s\n\\x\27[31m\tü"
        s:file("2_" .. name .. ".up.sql", "CREATE TABLE b ();")
        s:file("2_" .. name .. ".down.sql", "DROP TABLE b;")
        local shown = "it's \"so\" $$ %s\\n\\x\\x1b[31m\\tü"
        assert.matches("applied 2_" .. shown, s:expect(0, "up").err, 1, true)
        assert.equal("t", s:sql("SELECT name = E'it''s \"so\" $$ %s\\n\\\\x\\x1b[31m\\tü'"
            .. " FROM luamig.applied_migrations WHERE version = 2"))
        assert.matches(shown .. "\n", s:expect(0, "status").out, 1, true)
        assert.equal(name, s:json("status", "--json").migrations[2].name)
        s:expect(0, "verify")
        s:expect(0, "down")
        assert.is_false(s:has("b"))
        s:file("2_" .. name .. ".up.sql", "SELECT 1;\nSELECT x;")
        assert.matches("migrations/2_" .. shown .. ".up.sql:2:8", s:expect(7, "up").err, 1, true)
    end)

    it("a name that is not UTF-8 is refused before any connection", function()
        s:file("2_b\xff.up.sql", "")
        local r = s:expect(4, "up", { env = { LUAMIG_DATABASE = "postgres://nobody@127.0.0.1:1/x" } })
        assert.matches("2_b\\xff.up.sql' is no migration: its name is not UTF-8", r.err, 1, true)
        assert.matches("its name is not UTF%-8", s:expect(4, "validate").err)
    end)

    it("a FIFO does not hang, whatever it is called", function()
        for _, name in ipairs { "2_b.up.sql", "2_b.up.lua", "2_b.sql", "R__b.sql" } do
            sh("mkfifo migrations/" .. name)
            refused("'migrations/" .. name .. "': not a regular file", "")
            s:expect(4, "validate")
            s:expect(0, "plan", "--to", "1")
            s:remove(name)
        end
        s:file("2_b.up.sql", "")
        sh("mkfifo migrations/2_b.down.sql")
        refused("2_b.down.sql", "not a regular file")
    end)

    it("a folder that is called like a migration is an error", function()
        sh("mkdir migrations/2_b.up.sql")
        refused("2_b.up.sql", "not a regular file")
    end)

    it("a link to nowhere, or to itself, is an error", function()
        sh("ln -s gone migrations/2_b.up.sql")
        refused("2_b.up.sql", "No such file")
        sh("ln -sf 2_b.up.sql migrations/2_b.up.sql")
        refused("2_b.up.sql", "Too many levels of symbolic links")
    end)

    it("an unreadable file is an error", function()
        s:file("2_b.up.sql", "")
        sh("chmod 0 migrations/2_b.up.sql")
        local mortal = "" -- root reads everything, unless told not to
        if os.execute("test $(id -u) -eq 0") then mortal = "setpriv --bounding-set=-dac_override,-dac_read_search" end
        local r = s:expect(4, "up", { shell = mortal })
        assert.matches("2_b.up.sql': Permission denied", r.err, 1, true)
        assert.is_false(s:has("a"))
        sh("chmod 0 migrations")
        r = s:expect(2, "up", { shell = mortal })
        assert.matches("cannot list 'migrations': Permission denied", r.err, 1, true)
        sh("chmod 755 migrations")
    end)

    it("a file that vanishes behind the listing is an error, nothing is applied", function()
        s:file("2_b.up.sql", "")
        local other = s:session()
        other:lock()
        local p = s:start("up")
        p:says("held by")
        s:remove("2_b.up.sql")
        other:unlock()
        local r = p:wait()
        assert.equal(4, r.status)
        assert.matches("'migrations/2_b.up.sql': No such file", r.err, 1, true)
        assert.is_false(s:has("a"))
    end)

    it("a ConfigMap's links is read through them", function()
        sh("rm -r migrations; mkdir -p migrations/..2026_01; cd migrations; ln -s ..2026_01 ..data;"
            .. " echo 'CREATE TABLE a ();' >..data/1_a.up.sql; ln -s ..data/1_a.up.sql 1_a.up.sql")
        s:expect(0, "up")
        assert.is_true(s:has("a"))
        sh("cd migrations; mkdir ..2026_02; cp ..data/* ..2026_02; echo 'CREATE TABLE b ();' >..2026_02/2_b.up.sql;"
            .. " ln -s ..2026_02 ..new; mv -T ..new ..data; ln -s ..data/2_b.up.sql 2_b.up.sql; rm -r ..2026_01")
        s:expect(0, "up")
        assert.equal("1,2", s:applied())
        s:expect(0, "verify")
    end)
end)
