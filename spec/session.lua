--- A psql session that stays: holds locks, runs SQL step by step.
local shell = require "shell"

local quote, read_file, eventually = shell.quote, shell.read_file, shell.eventually

local Session = {}
Session.__index = Session

--- Starts one for a scratch database, under an application's name.
function Session.start(scratch, application, url)
    scratch.count = scratch.count + 1
    local base = ("%s/session.%d"):format(scratch.dir, scratch.count)
    os.execute("mkfifo " .. quote(base .. ".in"))
    os.execute(("PGAPPNAME=%s setsid psql -XqAt -d %s <%s >%s 2>&1 &"):format(
        quote(application or "other"), quote(url or scratch.url), quote(base .. ".in"),
        quote(base .. ".out")))
    local session = setmetatable({ base = base, marks = 0 }, Session)
    session.input = assert(io.open(base .. ".in", "w"))
    return session
end

--- Sends SQL without waiting for it.
function Session:send(text)
    self.input:write(text, "\n")
    self.input:flush()
end

--- Runs SQL and waits until it is done.
function Session:sql(text)
    self.marks = self.marks + 1
    local mark = "mark-" .. self.marks
    self:send(text .. ";\n\\echo " .. mark)
    eventually(function()
        return read_file(self.base .. ".out"):find(mark, 1, true)
    end, "the session's answer")
end

-- The run lock's key for "schema.table": FNV-1a-64.
local function lock_key(name)
    local hash = math.tointeger(-3750763034362895579) -- 14695981039346656037
    for i = 1, #name do
        hash = (hash ~ name:byte(i)) * 1099511628211
    end
    return hash
end

--- Takes the run lock, as another deploy does; name is the table's, if it is not the default.
function Session:lock(name)
    self:sql(("SELECT pg_advisory_lock(%d)"):format(lock_key(name or "luamig.applied_migrations")))
end

function Session:unlock(name)
    self:sql(("SELECT pg_advisory_unlock(%d)"):format(lock_key(name or "luamig.applied_migrations")))
end

function Session:out() return read_file(self.base .. ".out") end

function Session:drop()
    if self.input then self.input:close() end
    self.input = nil
end

return Session
