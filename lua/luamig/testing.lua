--- What a host's tests get of a project's hooks.
local testing = {}

local function copy(library)
    local out = {}
    for name, value in pairs(library) do out[name] = value end
    return out
end

-- lib/x.lua of the project comes first, in the hooks' environment.
local function requirer(read_module, env)
    local loaded = {}
    return function(name)
        if loaded[name] ~= nil then return loaded[name] end
        local text, chunk_name = read_module(name)
        if not text then return require(name) end
        local chunk, problem = load(text, chunk_name, "t", env)
        if not chunk then error(problem, 0) end
        local value = chunk(name)
        loaded[name] = value == nil and true or value
        return loaded[name]
    end
end

--- Makes an environment as hooks.lua has it, and leaves the host's own as it is.
-- @tparam table host as hooks.open() takes it
-- @tparam table sandbox the module luamig.sandbox
-- @tparam table hooks the module luamig.hooks
-- @treturn table the environment, as load() takes it
function testing.environment(host, sandbox, hooks)
    local env = setmetatable({ os = copy(os), io = copy(io), package = copy(package) }, { __index = _G })
    env._G = env
    env.package.searchers = { table.unpack(package.searchers) }
    hooks.open(env, host, sandbox)
    env.require = requirer(host.read_module, env)
    return env
end

--- Makes the hooks of a file callable.
-- @tparam table env the environment that the file was run in
-- @tparam table lists what it returned: a list of functions for each event
-- @treturn table from event to a function that calls all of them, and command, which the
-- hooks use as it stands there
function testing.hooks(env, lists)
    local out = { command = env.command }
    function env.command(request) return out.command(request) end
    for event, list in pairs(lists) do
        out[event] = function(...)
            for _, hook in ipairs(list) do hook(...) end
        end
    end
    return out
end

return testing
