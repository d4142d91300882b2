--- The environment of a migration script: an allow-list.
-- What is not named here does not exist for a script. It guards against accidents and is
-- no prison.
local sandbox = {}

local BASE = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
    "rawset", "select", "tonumber", "tostring", "type", "xpcall", "_VERSION",
}
local LIBRARIES = { "string", "table", "math", "utf8", "coroutine" }
local OS = { "time", "date", "clock", "getenv", "difftime" }

local function copy(library, names)
    local out = {}
    if names then
        for _, name in ipairs(names) do out[name] = library[name] end
    else
        for name, value in pairs(library) do out[name] = value end
    end
    return out
end

-- Lua runs finalizers with hooks off, so no time limit could end one.
local function set_metatable(object, metatable)
    if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
        error("__gc is not available in a script", 2)
    end
    return setmetatable(object, metatable)
end

local function get_metatable(object)
    if type(object) == "string" then return nil end
    return getmetatable(object)
end

-- log.debug, log.info, log.warn: with one argument it is printed as it is.
local function logger(write, level)
    return function(format, ...)
        local text = tostring(format)
        if select("#", ...) > 0 then text = text:format(...) end
        write(level, text)
    end
end

local function printer(write)
    return function(...)
        local words = table.pack(...)
        for i = 1, words.n do words[i] = tostring(words[i]) end
        write("info", table.concat(words, "\t"))
    end
end

-- vars.NAME raises if it is not set; vars("NAME", default) does not.
local function variables(values)
    local meta = { __metatable = "locked" }
    function meta.__index(_, name)
        if values[name] ~= nil then return values[name] end
        error(("variable '%s' is not set: give it with --set %s=VALUE, or in vars of luamig.lua"
            .. "; vars('%s', default) has a default"):format(name, name, name), 2)
    end
    function meta.__newindex() error("vars cannot be changed", 2) end
    function meta.__call(_, name, default)
        if values[name] ~= nil then return values[name] end
        return default
    end
    function meta.__pairs() return next, values, nil end
    return setmetatable({}, meta)
end

local LOADING = {}

local function requirer(read_module, env)
    local loaded = {}
    return function(name)
        if loaded[name] == LOADING then
            error(("module '%s' requires itself, or failed before"):format(name), 2)
        end
        if loaded[name] ~= nil then return loaded[name] end
        if type(name) ~= "string" or not name:match("^[%w_-]+$") and not name:match("^[%w_-][%w_.-]*[%w_-]$")
            or name:find("..", 1, true) then
            error(("'%s' is no module name: write require \"name\" for lib/name.lua"):format(
                tostring(name)), 2)
        end
        local text, chunk_name = read_module(name)
        if not text then error(("module '%s' not found: no %s"):format(name, chunk_name), 2) end
        local chunk, problem = load(text, chunk_name, "t", env)
        if not chunk then error(problem, 0) end
        loaded[name] = LOADING
        local value = chunk(name)
        loaded[name] = value == nil and true or value
        return loaded[name]
    end
end

--- Adds luamig's own names to an environment: log, print, vars and the globals.
-- @tparam table env the environment
-- @tparam table host as for new()
function sandbox.add(env, host)
    for name, value in pairs(host.globals) do env[name] = value end
    env.log = {}
    for _, level in ipairs { "debug", "info", "warn" } do
        env.log[level] = logger(host.log, level)
    end
    env.print = printer(host.log)
    env.vars = variables(host.vars)
end

--- Returns a new environment.
-- @tparam table host what luamig gives: globals (copied into the environment), vars (texts
-- by name), log(level, text), read_module(name) -> text, chunk name; nil, path
-- @treturn table the environment, as load() takes it
function sandbox.new(host)
    local env = copy(_G, BASE)
    for _, name in ipairs(LIBRARIES) do env[name] = copy(_G[name]) end
    env.string.dump = nil
    env.os = copy(os, OS)
    env._G = env
    env.setmetatable = set_metatable
    env.getmetatable = get_metatable

    -- Text only: a crafted binary chunk can crash the interpreter.
    function env.load(chunk, name, _, chunk_env)
        return load(chunk, name, "t", chunk_env or env)
    end

    sandbox.add(env, host)
    env.require = requirer(host.read_module, env)
    return env
end

return sandbox
