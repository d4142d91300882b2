--- Helpers of the specs: a database and a folder for each, the binary as a user runs it.
-- Needs LUAMIG_TEST_URL (tests/with-postgres.sh); LUAMIG names the binary.
local json = require "dkjson"
local servers = require "servers"
local Session = require "session"
local shell = require "shell"
local system = require "system"

local quote, read_file, write_file = shell.quote, shell.read_file, shell.write_file
local capture = shell.capture

local support = { quote = quote, read_file = read_file, eventually = shell.eventually }

local SERVER = assert(os.getenv("LUAMIG_TEST_URL"), "run me under tests/with-postgres.sh")
local TCP = os.getenv("LUAMIG_TEST_TCP_URL")
local BINARY = os.getenv("LUAMIG") or os.getenv("PWD") .. "/build/luamig"
local LIMIT = 60 -- seconds that any program may take

local open = {} -- what cleanup() has to end
local serial = 0

local function keep(what)
    open[#open + 1] = what
    return what
end

local Scratch = {}
Scratch.__index = Scratch

local function url_of(base, database)
    local path, query = base:match("^(.*)/postgres(%??.*)$")
    return path .. "/" .. database .. query
end

--- A new database and an empty folder with migrations/ in it.
function support.scratch(options)
    options = options or {}
    serial = serial + 1
    local dir = capture("mktemp -d /tmp/luamig-spec.XXXXXX")
    local name = ("spec_%s_%d"):format(dir:match("%.(%w+)$"):lower(), serial)
    local self = setmetatable({ dir = dir, name = name, count = 0 }, Scratch)
    os.execute("mkdir " .. quote(dir .. "/migrations"))
    self.url = url_of(SERVER, name)
    self.tcp_url = TCP and url_of(TCP, name)
    support.server_sql(("CREATE DATABASE %s %s %s"):format(name, options.database or "",
        os.getenv("LUAMIG_TEST_CREATE") or ""))
    return keep(self)
end

--- Runs SQL on the server's own database.
function support.server_sql(text)
    local command = "psql -XqAt -v ON_ERROR_STOP=1 -d " .. quote(SERVER) .. " -c "
    return capture(command .. quote(text) .. " 2>&1")
end

--- Ends everything that scratch(), start() and session() began. For after_each.
function support.cleanup()
    for i = #open, 1, -1 do
        open[i]:drop()
        open[i] = nil
    end
end

--- Writes a file, by default into migrations/.
function Scratch:file(name, text)
    if not name:find("/", 1, true) then name = "migrations/" .. name end
    write_file(self.dir .. "/" .. name, text)
    return self
end

--- Writes several: { ["0001_a.up.sql"] = "..." }.
function Scratch:files(files)
    for name, text in pairs(files) do self:file(name, text) end
    return self
end

function Scratch:remove(name)
    os.remove(self.dir .. "/migrations/" .. name)
    return self
end

function Scratch:read(name)
    return read_file(self.dir .. "/" .. name)
end

--- Runs SQL in the scratch database; returns psql's unaligned output.
function Scratch:sql(text, url)
    self.count = self.count + 1
    local path = ("%s/psql.%d"):format(self.dir, self.count)
    write_file(path, text)
    return capture(("psql -XqAt -v ON_ERROR_STOP=1 -d %s -f %s 2>&1"):format(
        quote(url or self.url), quote(path)))
end

--- Starts a PgBouncer in front of the scratch database; runs go through it from then on.
-- { mode = "transaction", size = 5, settings = "max_client_conn = 10" }.
function Scratch:pool(options)
    local pool = keep(servers.pool(self, options))
    self.pooled_url = pool.url
    return pool
end

--- Starts a server for this spec alone, which may be restarted; all is done there from then on.
function Scratch:own_server()
    local server = keep(servers.postgres())
    self.url = server.url
    return server
end

--- Puts tests/proxy before the server, for runs with { env = { LUAMIG_DATABASE = proxy.url } }.
-- Of each connection that ends it adds the round trips to counts; cut says where it cuts one.
function Scratch:proxy() return keep(servers.proxy(self)) end

--- A psql session that stays; luamig's blockers name it by its application.
function Scratch:session(application, url) return keep(Session.start(self, application, url)) end

local function words(...)
    local list = {}
    for i, word in ipairs({ ... }) do list[i] = quote(word) end
    return table.concat(list, " ")
end

-- A clean environment; false takes a variable away.
local function environment(self, extra)
    local env = { LUAMIG_DATABASE = self.pooled_url or self.url, HOME = "/nonexistent" }
    for name, value in pairs(extra or {}) do env[name] = value or nil end
    local list = { "env -i --default-signal=INT,QUIT,HUP PATH=\"$PATH\" ASAN_OPTIONS=\"$ASAN_OPTIONS\"" }
    for name, value in pairs(env) do list[#list + 1] = name .. "=" .. quote(value) end
    return table.concat(list, " ")
end

--- Runs luamig in the scratch folder: s:run("up", "--json"). Options of the run itself come
-- in a last table: { env = {...}, stdin = path, out = path, shell = "prefix" }.
-- Returns { status, out, err }.
function Scratch:run(...)
    local args = { ... }
    local options = type(args[#args]) == "table" and table.remove(args) or {}
    self.count = self.count + 1
    local base = ("%s/run.%d"):format(self.dir, self.count)
    local out = options.out or (base .. ".out")
    local command = ("cd %s && timeout -k 5 %d %s %s %s %s <%s >%s 2>%s; echo $?"):format(
        quote(self.dir), LIMIT, environment(self, options.env), options.shell or "",
        quote(options.binary or BINARY), words(table.unpack(args)),
        options.stdin or "/dev/null", out, quote(base .. ".err"))
    local status = tonumber(capture(command):match("(%d+)$"))
    return { status = status, out = options.out and "" or read_file(out),
        err = read_file(base .. ".err") }
end

--- Runs, and fails the spec unless the exit status is as said.
function Scratch:expect(status, ...)
    local result = self:run(...)
    if result.status ~= status then
        error(("exit %s, not %d\n%s%s"):format(result.status, status, result.out, result.err), 2)
    end
    return result
end

--- The document of a --json command.
function Scratch:json(...)
    return json.decode(self:run(...).out)
end

--- Starts as many runs at once; each has to end with exit 0, within { seconds = } in a last table.
-- Returns their results.
function Scratch:at_once(count, ...)
    local options = select(-1, ...)
    local runs, results = {}, {}
    for i = 1, count do runs[i] = self:start(...) end
    for i = 1, count do
        results[i] = runs[i]:wait(type(options) == "table" and options.seconds or nil)
        if results[i].status ~= 0 then error("exit " .. results[i].status .. "\n" .. results[i].err, 2) end
    end
    return results
end

local Process = {}
Process.__index = Process

--- Starts luamig in the background.
function Scratch:start(...)
    local args = { ... }
    local options = type(args[#args]) == "table" and table.remove(args) or {}
    self.count = self.count + 1
    local base = ("%s/bg.%d"):format(self.dir, self.count)
    local script = ("cd %s; %s %s %s %s </dev/null >%s 2>%s & echo $! >%s; wait $!; echo $? >%s"):format(
        quote(self.dir), environment(self, options.env), options.shell or "", quote(BINARY),
        words(table.unpack(args)), quote(base .. ".out"), quote(base .. ".err"),
        quote(base .. ".pid"), quote(base .. ".rc"))
    write_file(base .. ".sh", script)
    os.execute(("setsid sh %s >/dev/null 2>&1 &"):format(quote(base .. ".sh")))
    local process = setmetatable({ base = base }, Process)
    process.pid = support.eventually(function()
        return tonumber(read_file(base .. ".pid"))
    end, "a process")
    return keep(process)
end

function Process:kill(signal)
    os.execute(("kill -%s %d 2>/dev/null"):format(signal, self.pid))
end

function Process:err() return read_file(self.base .. ".err") end

function Process:out() return read_file(self.base .. ".out") end

--- Waits for its end: { status, out, err }.
function Process:wait(seconds)
    local status = support.eventually(function()
        return tonumber(read_file(self.base .. ".rc"))
    end, "the end of a process: " .. self:err(), seconds or LIMIT)
    return { status = status, out = self:out(), err = self:err() }
end

--- Waits until stderr holds the text.
function Process:says(text)
    support.eventually(function()
        return self:err():find(text, 1, true)
    end, "'" .. text .. "' on stderr", 20)
end

function Process:drop()
    if read_file(self.base .. ".rc") == "" then self:kill("KILL") end
end

-- Conditions on a row of pg_stat_activity.
support.SLEEPS = "wait_event = 'PgSleep'"
support.HOLDS_LOCK = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"

--- Those of the scratch database's other backends that the condition is true of: these
-- columns, or how many there are.
function Scratch:backends(condition, columns)
    return self:sql(("SELECT %s FROM pg_stat_activity WHERE datname = current_database()"
        .. " AND pid <> pg_backend_pid() AND (%s)"):format(columns or "count(*)", condition))
end

--- Waits until the condition is true of one of them.
function Scratch:sees(condition, seconds)
    support.eventually(function() return self:backends(condition) == "1" end, condition, seconds)
end

--- Waits until a statement that is LIKE the text runs.
function Scratch:runs(text)
    self:sees("state = 'active' AND query LIKE '%" .. text .. "%'")
end

--- Ends those that the condition is true of; returns how many.
function Scratch:terminate(condition)
    return self:backends(condition, "count(pg_terminate_backend(pid))")
end

function Scratch:drop()
    support.server_sql("DROP DATABASE IF EXISTS " .. self.name .. " WITH (FORCE)")
    os.execute("rm -rf " .. quote(self.dir))
end

--- Versions in the applied set, "1,2,3".
function Scratch:applied()
    return self:sql("SELECT string_agg(version::text, ',' ORDER BY version)"
        .. " FROM luamig.applied_migrations")
end

--- What migrations wrote into a table of the spec's own, marks (v int), "1,2,3".
function Scratch:marks()
    return self:sql("SELECT string_agg(v::text, ',' ORDER BY v) FROM marks")
end

--- Whether an index exists and is valid.
function Scratch:is_valid(index)
    return self:sql("SELECT indisvalid FROM pg_index WHERE indexrelid = '" .. index .. "'::regclass") == "t"
end

--- Whether a relation exists.
function Scratch:has(name)
    return self:sql("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
end

--- With it hooks write what they see into a file: s:read "trace".
support.TRACE = [[
local function trace(...)
    local file <close> = assert(io.open("trace", "a"))
    file:write(table.concat({ ... }, " "), "\n")
end
]]

support.json = json
support.sleep = system.sleep
support.now = system.monotime
support.server = SERVER
support.binary = BINARY
support.version = tonumber(support.server_sql("SHOW server_version_num")) -- 150004

return support
