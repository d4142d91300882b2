--- What a spec starts besides the server that all share: PgBouncer, PostgreSQL, a proxy. Each
-- has a drop().
local shell = require "shell"

local quote, capture = shell.quote, shell.capture

local servers = {}

local Pool = {}
Pool.__index = Pool

--- A PgBouncer in front of a scratch database.
function servers.pool(scratch, options)
    options = options or {}
    scratch.count = scratch.count + 1
    local dir = ("%s/pool.%d"):format(scratch.dir, scratch.count)
    os.execute("chmod 755 " .. quote(scratch.dir))
    local pool = setmetatable({ scratch = scratch }, Pool)
    pool.pid = assert(tonumber(capture(("LUAMIG_TEST_DIR=%s LUAMIG_TEST_URL=%s tests/faults/pooler.sh %s %d %s %s")
        :format(quote(scratch.url:match("host=([^&]*)")), quote(scratch.url), options.mode or "transaction",
            options.size or 5, quote(dir), quote(options.settings or "")))), "PgBouncer did not start")
    pool.url = ("postgresql:///%s?host=%s&port=6432&user=postgres"):format(scratch.name, dir)
    return pool
end

--- Runs SQL through the pool, as the application does.
function Pool:sql(text) return self.scratch:sql(text, self.url) end

--- Whether a column of PgBouncer's SHOW POOLS counts any of the scratch database's clients.
function Pool:sees(column)
    local rows = capture(("psql -XqA -F '|' -d %s -c 'SHOW POOLS' 2>&1"):format(
        quote((self.url:gsub("///[^?]*", "///pgbouncer")))))
    local at, head = 0, rows:match("[^\n]*")
    for name in head:gmatch("[^|]+") do
        at = at + 1
        if name == column then break end
    end
    local row = rows:match("\n(" .. self.scratch.name .. "|[^\n]*)") or ""
    for value in row:gmatch("[^|]+") do
        at = at - 1
        if at == 0 then return tonumber(value) > 0 end
    end
end

function Pool:drop() os.execute(("kill -KILL %d 2>/dev/null"):format(self.pid)) end

local Server = {}
Server.__index = Server

--- A PostgreSQL server for one spec alone.
function servers.postgres()
    local pipe = io.popen([[LUAMIG_TEST_TCP= exec tests/with-postgres.sh sh -c '
        sleep 600 & trap "kill $!" TERM
        echo $$ $LUAMIG_TEST_DIR $LUAMIG_TEST_URL
        wait']])
    local server = setmetatable({ pipe = pipe }, Server)
    server.pid, server.dir, server.url = pipe:read("l"):match("^(%d+) (%S+) (%S+)$")
    return server
end

--- As a power cut would.
function Server:restart()
    os.execute("LUAMIG_TEST_DIR=" .. quote(self.dir) .. " tests/faults/restart.sh")
end

function Server:drop()
    os.execute("kill " .. self.pid)
    self.pipe:close() -- waits for its end
end

local Proxy = {}
Proxy.__index = Proxy

--- tests/proxy before the server of a scratch database.
function servers.proxy(scratch)
    local build = os.getenv("LUAMIG_BUILD") or os.getenv("PWD") .. "/build"
    local dir, port = scratch.url:match("host=([^&]+)&port=(%d+)")
    local proxy = setmetatable({ counts = scratch.dir .. "/counts", cut = scratch.dir .. "/cut" }, Proxy)
    -- Whoever collects the pipe waits for the proxy's end.
    proxy.pipe = io.popen(("echo $$; exec %s/tests/proxy %s/.s.PGSQL.%s %s %s"):format(build, dir, port,
        proxy.counts, proxy.cut))
    proxy.pid = proxy.pipe:read("l")
    proxy.url = ("postgres://postgres@127.0.0.1:%s/%s?sslmode=disable&gssencmode=disable"):format(
        proxy.pipe:read("l"), scratch.name)
    return proxy
end

--- Its connections end, too.
function Proxy:drop()
    if not self.pid then return end
    os.execute(("children=$(pgrep -P %s); kill %s $children"):format(self.pid, self.pid))
    self.pipe:close()
    self.pid = nil
end

return servers
