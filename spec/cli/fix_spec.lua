local support = require "support"

describe("luamig fix", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    local function listing()
        local pipe = io.popen("cd " .. s.dir .. "/migrations && find . -type f | sort")
        local text = pipe:read("a"):gsub("%./", ""):gsub("\n$", "")
        pipe:close()
        return text
    end

    local NO_DATABASE = { env = { LUAMIG_DATABASE = false } }

    it("gives timestamps the next numbers, up, down, Lua and goose together, without a database", function()
        s:files { ["0001_a.up.sql"] = "", ["0002_b.up.sql"] = "", ["20240102030405_d.up.lua"] = "",
            ["20240102030405_d.down.sql"] = "", ["20230102030405_c.sql"] = "-- +goose Up\n", ["README"] = "" }
        local r = s:expect(0, "fix", "--plan", NO_DATABASE)
        assert.matches("20230102030405_c.sql -> migrations/0003_c.sql", r.out, 1, true)
        assert.matches("20240102030405_d.up.lua", listing(), 1, true)
        s:expect(0, "fix", NO_DATABASE)
        assert.equal("0001_a.up.sql\n0002_b.up.sql\n0003_c.sql\n0004_d.down.sql\n0004_d.up.lua\nREADME", listing())
        assert.matches("no timestamps", s:expect(0, "fix", NO_DATABASE).out)
        s:expect(0, "up")
        assert.equal("1,2,3,4", s:applied())
    end)

    it("begins with 00001 where there is no sequence", function()
        s:files { ["20240102030405_b.up.sql"] = "", ["20230102030405_a.up.sql"] = "" }
        s:expect(0, "fix")
        assert.equal("00001_a.up.sql\n00002_b.up.sql", listing())
    end)

    it("refuses what is applied on the database that is set", function()
        s:files { ["20240102030405_b.up.sql"] = "", ["20230102030405_a.up.sql"] = "" }
        s:expect(0, "up", "--count", "1")
        local r = s:expect(4, "fix")
        assert.matches("applied already on [%w_]+: 20230102030405\n", r.err)
        assert.equal("20230102030405_a.up.sql\n20240102030405_b.up.sql", listing())
    end)

    it("keeps numbers unique over all layers; one version stays one", function()
        os.execute(("mkdir %s/migrations/base %s/migrations/test %s/migrations/prod"):format(s.dir, s.dir, s.dir))
        s:files { ["migrations/base/007_a.up.sql"] = "", ["migrations/test/20240102030405_x.up.sql"] = "",
            ["migrations/prod/20240102030405_y.up.sql"] = "", ["migrations/base/20240102030406_z.up.sql"] = "" }
        s:expect(0, "fix")
        assert.equal("base/007_a.up.sql\nbase/009_z.up.sql\nprod/008_y.up.sql\ntest/008_x.up.sql", listing())
    end)
end)
