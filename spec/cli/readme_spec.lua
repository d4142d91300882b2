local support = require "support"

-- The Lua reference of the README is true: each of its examples is run.
describe("the README's Lua example", function()
    local text = support.read_file(os.getenv("PWD") .. "/README.md")
    local section = text:match("\n## Lua migrations\n(.-)\n## ")
    local s

    before_each(function()
        s = support.scratch()
        os.execute("mkdir " .. s.dir .. "/migrations/lib && cp migrations-example/lib/phone.lua "
            .. s.dir .. "/migrations/lib")
        s:files {
            ["1_users.up.sql"] = "CREATE TABLE users (id int PRIMARY KEY, name text, phone text);"
                .. "INSERT INTO users VALUES (1, 'x'), (2, 'y'), (3, NULL)",
            ["countries.csv"] = "DE,Germany\nFR,France\n",
        }
    end)
    after_each(support.cleanup)

    local count = 0
    for title, example in section:gmatch("### ([^\n]+)\n.-```lua\n(.-)```") do
        count = count + 1
        it("of '" .. title .. "' runs", function()
            s:file("2_example.up.lua", example)
            s:expect(0, "up", "--set", "TENANT=7")
            assert.equal("1,2", s:applied())
        end)
    end

    it("of hooks.lua runs", function()
        local hooks = 0
        s:sql "CREATE ROLE reporting" -- of the whole server: it may be there
        for block in text:match("\n## Hooks\n(.-)\n## "):gmatch "```lua\n(.-)```" do
            hooks = hooks + 1
            s:file("hooks.lua", block)
            s:file(hooks + 2 .. "_more.up.sql", ""):expect(0, "up")
        end
        assert.equal(2, hooks)
        assert.equal("1|users\n3|more", s:sql "SELECT version, name FROM audit")
    end)

    it("is found", function()
        assert.equal(7, count)
        local _, blocks = section:gsub("```lua\n", "")
        assert.equal(count, blocks)
    end)
end)
