-- The project's hooks: called by every up, down and redo, trusted as a Makefile is.
-- Variables switch them on: NOTIFY names a program, WINDOW hours in UTC, READER a role.
local window = require "window"

-- Tells people, by whatever program the installation has: NOTIFY=echo, NOTIFY=post-to-chat
local function announce(text)
    local program = vars("NOTIFY", "")
    if program == "" then return end
    local status = command { program, text, timeout = "10s" }
    if status ~= 0 then log.warn("'%s' could not tell anybody: status %d", program, status) end
end

local function check_window()
    local hours = vars("WINDOW", "")
    if hours ~= "" and not window.is_open(hours, os.date "!%H") then
        error(("no migrations outside of %s UTC"):format(hours), 0)
    end
end

-- A transaction of its own: it is there before the first migration, whatever becomes of that.
local function make_audit(run)
    run.db:transaction(function()
        run.db:exec [[
            SET LOCAL client_min_messages = warning; -- that it exists is no news
            CREATE SCHEMA IF NOT EXISTS ops;
            CREATE TABLE IF NOT EXISTS ops.audit (
                run text, role text, version bigint, name text, direction text, seconds numeric(10, 3),
                at timestamptz DEFAULT now()
            );
        ]]
    end)
end

-- In the migration's transaction: there is a row exactly when the migration is applied.
local function write_audit(m)
    m.db:exec("INSERT INTO ops.audit (run, role, version, name, direction, seconds) VALUES ($1, $2, $3, $4, $5, $6)",
        m.run.id, m.run.user, m.migration.version, m.migration.name, m.migration.direction, m.duration)
end

-- New tables are readable from their first moment.
local function grant(m)
    local reader = vars("READER", "")
    if reader == "" or m.migration.direction == "down" then return end
    m.db:exec("GRANT SELECT ON ALL TABLES IN SCHEMA public TO " .. m.db:quote_ident(reader))
end

return {
    before_run = {
        check_window,
        function(run) announce(("%s on %s: %d to run"):format(run.run.command, run.run.database, #run.plan)) end,
        make_audit,
    },
    after_migration = { grant, write_audit },
    after_run = function(run) announce(("%s on %s: done"):format(run.run.command, run.run.database)) end,
    on_failure = function(f)
        local what = f.migration and f.migration.name or f.run.command
        announce(("%s on %s failed: %s"):format(what, f.run.database, f.error.message))
    end,
}
