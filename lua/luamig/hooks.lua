--- What hooks.lua sees: all of Lua's own, and luamig's names.
-- It is trusted as a Makefile is. Only what starts a program goes through luamig's runner, so
-- that limits and signals end it.
local hooks = {}

local MIB = 1 << 20
local COMMAND_KEEPS = MIB -- of the output that command returns
local POPEN_KEEPS = 16 * MIB

local OPTIONS = { timeout = true, stdin = true }

local function check_options(request)
    for key in pairs(request) do
        if math.type(key) ~= "integer" and not OPTIONS[key] then
            error(("command has no option '%s': there are timeout and stdin"):format(tostring(key)), 3)
        end
    end
end

-- command { "program", "argument", ..., timeout = "30s", stdin = text } -> status, output
function hooks.commander(run)
    return function(request)
        if type(request) ~= "table" then error("write command { \"program\", \"argument\", ... }", 2) end
        check_options(request)
        local how, code, output = run(request, COMMAND_KEEPS)
        if how == "timeout" then
            error(("'%s' was ended: timeout = %s"):format(request[1], request.timeout), 2)
        end
        return how == "signal" and 128 + code or code, output
    end
end

local function shell(text, stdin)
    return { "/bin/sh", "-c", text, stdin = stdin, name = text }
end

-- What os.execute returns, and close() of a pipe.
local function result(how, code)
    return how == "exit" and code == 0 or nil, how, code
end

local function executor(run)
    return function(text)
        if text == nil then return true end
        return result(run(shell(text), 0))
    end
end

local Reader, Writer = {}, {}

function Reader:read(...) return self.file:read(...) end

function Reader:lines(...) return self.file:lines(...) end

function Reader:seek(...) return self.file:seek(...) end

function Reader:close()
    self.file:close()
    return result(self.how, self.code)
end

function Writer:write(...)
    for _, part in ipairs { ... } do table.insert(self.parts, tostring(part)) end
    return self
end

function Writer:flush() return self end

function Writer:close()
    return result(self.run(shell(self.text, table.concat(self.parts)), 0))
end

for _, class in ipairs { Reader, Writer } do
    class.__index = class
    class.__name = "pipe"
    function class:setvbuf() return self ~= nil end
end
Reader.__close = Reader.close

-- The program is run to its end: when it is opened to read, when it is closed to write.
local function opener(run)
    return function(text, mode)
        mode = mode or "r"
        if mode == "w" then return setmetatable({ run = run, text = text, parts = {} }, Writer) end
        if mode ~= "r" then error("io.popen: mode must be 'r' or 'w'", 2) end
        local how, code, output, whole = run(shell(text), POPEN_KEEPS, true)
        if not whole then error(("io.popen: '%s' wrote more than 16 MiB"):format(text), 2) end
        local file = assert(io.tmpfile())
        assert(file:write(output))
        file:seek("set")
        return setmetatable({ file = file, how = how, code = code }, Reader)
    end
end

-- lib/x.lua of the project comes before what Lua itself would find.
local function searcher(read_module)
    return function(name)
        local text, chunk_name = read_module(name)
        if not text then return ("no file '%s'"):format(chunk_name) end
        local chunk, problem = load(text, chunk_name, "t")
        if not chunk then error(problem, 0) end
        return chunk, chunk_name
    end
end

--- Makes an environment with all of Lua's own that of hooks.lua.
-- @tparam table env the globals
-- @tparam table host as sandbox.new() takes it, and run (script/command)
-- @tparam table sandbox the module luamig.sandbox
function hooks.open(env, host, sandbox)
    sandbox.add(env, host)
    env.command = hooks.commander(host.run)
    env.os.execute = executor(host.run)
    env.io.popen = opener(host.run)
    env.os.exit = function() error("os.exit would leave the run in the middle: use error()", 2) end
    table.insert(env.package.searchers, 2, searcher(host.read_module))
end

return hooks
