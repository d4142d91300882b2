local support = require "support"

local BUILD = os.getenv("LUAMIG_BUILD") or "build"
local MB = 1024 * 1024

describe("what is large", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    --- The largest resident size of a run of up, in bytes.
    local function peak(dir)
        s:expect(0, "up", "--dir=" .. (dir or "migrations"), { shell = "3>peak " .. BUILD .. "/tests/bench/timed" })
        return tonumber(s:read("peak"):match(" (%d+)")) * 1024
    end

    it("a folder of 50,000 files is read in little memory, and what is pending in it applied", function()
        local dir = "/dev/shm/" .. s.name -- ext4 may take half a minute to make as many
        finally(function() os.execute("rm -rf " .. dir) end)
        os.execute(("mkdir %s && cd %s && seq -f %%05.0f_x.up.sql 50000 | xargs touch"):format(dir, dir))
        s:expect(0, "up", "--dir=" .. dir, "--count", "1")
        s:sql("INSERT INTO luamig.applied_migrations (version, name, checksum)"
            .. " SELECT v, name, checksum FROM luamig.applied_migrations, generate_series(2, 49999) v")
        assert(peak(dir) < 64 * MB or BUILD:find("san$"))
        assert.matches("50000 applied, all as in the files", s:expect(0, "verify", "--dir=" .. dir).out)
    end)

    it("a file is applied within three times its size, whatever it is made of", function()
        if BUILD:find("san$") then return end -- a sanitizer keeps what was freed
        s:file("1_t.up.sql", "CREATE TABLE t (a int, b text);")
        local floor = peak()
        local files = {
            ("INSERT INTO t VALUES (1, '" .. ("x"):rep(70) .. "');\n"):rep(40000),
            "COPY t FROM STDIN;\n" .. ("1\t" .. ("x"):rep(98) .. "\n"):rep(80000) .. "\\.\n",
            ("INSERT INTO t VALUES (2, '" .. ("x"):rep(MB) .. "');\n"):rep(8),
            "INSERT INTO t VALUES (3, '" .. ("x"):rep(16 * MB) .. "');\n SELECT 1;\n", -- libpq has two of these
        }
        for i, text in ipairs(files) do
            s:file(i + 1 .. "_x.up.sql", text)
            local used = peak() - floor
            assert(used <= 3 * #text, ("file %d: %.2f times its size"):format(i, used / #text))
        end
        assert.equal("120009", s:sql("SELECT count(*) FROM t"))
    end)
end)
