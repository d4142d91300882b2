-- Hooks are called as luamig would call them, with a command that runs nothing; or a scratch
-- database is migrated with them.
local luamig = require "luamig"

describe("hooks.lua", function()
    local path = "migrations-example/hooks.lua"
    local run = { id = "0badcafe", command = "up", database = "app", user = "deploy" }

    it("refuses a run outside of the window", function()
        local hooks = luamig.hooks(path, { vars = { WINDOW = "00-00" } })
        assert.has_error(function() hooks.before_run { run = run, plan = {} } end,
            "no migrations outside of 00-00 UTC")
    end)

    it("announces by the program that NOTIFY names", function()
        local hooks, said = luamig.hooks(path, { vars = { NOTIFY = "post-to-chat" } }), nil
        function hooks.command(request)
            said = table.concat(request, ": ")
            return 0
        end
        hooks.on_failure { run = run, migration = { name = "totals" }, error = { message = "division by zero" } }
        assert.equal("post-to-chat: totals on app failed: division by zero", said)
    end)

    it("says in the log that nobody could be told", function()
        local said
        local hooks = luamig.hooks(path, { vars = { NOTIFY = "post-to-chat" },
            log = function(level, text) said = level .. ": " .. text end })
        function hooks.command() return 7 end
        hooks.after_run { run = run }
        assert.equal("warn: 'post-to-chat' could not tell anybody: status 7", said)
    end)

    it("leaves an audit row for each migration that is applied", function()
        local s <close> = luamig.scratch { dir = "migrations-example", hooks = path, to = 2 }
        assert.equal("users, orders", s.db:value
            "SELECT string_agg(name, ', ' ORDER BY version) FROM ops.audit WHERE direction = 'up'")
    end)
end)
