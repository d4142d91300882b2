local support = require "support"

describe("round trips", function()
    after_each(support.cleanup)

    it("are one for each SQL migration in transaction mode, however many statements", function()
        local s = support.scratch()
        local proxy = s:proxy()

        -- The work connection is the one with the most round trips.
        local function most(first, last)
            for v = first, last do
                s:file(v .. "_x.up.sql", ("CREATE TABLE t%d ();\nSELECT 1;\nSELECT 2;"):format(v))
            end
            os.remove(proxy.counts)
            s:expect(0, "up", { env = { LUAMIG_DATABASE = proxy.url } })
            support.eventually(function()
                return select(2, support.read_file(proxy.counts):gsub("\n", "")) == 2
            end, "both connections' counts")
            local largest = 0
            for n in support.read_file(proxy.counts):gmatch("%d+") do largest = math.max(largest, tonumber(n)) end
            return largest
        end

        s:file("0_first.up.sql", "")
        s:expect(0, "up")
        local one, many = most(1, 1), most(2, 12)
        -- Preflight asks the parser once for each statement, in one pipeline: 3 Syncs each.
        assert.equal(10 * (1 + 3), many - one)
    end)
end)
