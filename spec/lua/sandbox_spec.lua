local sandbox = require "luamig.sandbox"

describe("the sandbox", function()
    local env, logged, modules
    before_each(function()
        logged = {}
        modules = {
            phone = "return { name = ... }",
            ["a.b"] = "return require 'phone'",
            ["loop"] = "return require 'loop'",
            ["bad"] = "x = = 1",
        }
        env = sandbox.new {
            globals = { db = "the db" },
            vars = { NAME = "value", EMPTY = "" },
            log = function(level, text) logged[#logged + 1] = level .. ": " .. text end,
            read_module = function(name)
                if modules[name] then return modules[name], "@lib/" .. name .. ".lua" end
                return nil, "lib/" .. name .. ".lua"
            end,
        }
    end)

    local function run(text)
        return assert(load(text, "@script.lua", "t", env))()
    end

    it("hides the host, and gives what luamig gives", function()
        for _, name in ipairs { "io", "debug", "package", "dofile", "loadfile", "collectgarbage", "rawio" } do
            assert.is_nil(run("return " .. name), name)
        end
        for _, name in ipairs { "execute", "exit", "remove", "rename", "tmpname", "setlocale" } do
            assert.is_nil(run("return os." .. name), name)
        end
        assert.is_function(run("return os.time"))
        assert.equal("the db", run("return db"))
        assert.equal(env, run("return _G"))
    end)

    it("keeps what a script does to libraries to the script", function()
        run("string.rep = nil table.insert = nil")
        assert.is_function(string.rep)
        assert.is_function(table.insert)
        assert.is_nil(run("return getmetatable('')"))
        assert.is_nil(run("return string.dump"))
    end)

    it("loads text in the script's own environment, never bytecode", function()
        assert.is_nil(run("return load('return io')()"))
        env.blob = string.dump(function() end)
        assert.is_nil((run("return (load(blob))")))
    end)

    it("refuses finalizers", function()
        assert.has_error(function() run("setmetatable({}, { __gc = function() end })") end,
            "__gc is not available in a script")
        assert.is_table(run("return setmetatable({}, { __index = {} })"))
    end)

    it("has vars that raise unless they are set, cannot be changed, and can be listed", function()
        assert.equal("value", run("return vars.NAME"))
        assert.equal("", run("return vars('EMPTY', 'x')"))
        assert.equal("x", run("return vars('NOT', 'x')"))
        assert.is_nil(run("return vars('NOT')"))
        assert.error_matches(function() run("return vars.NOT") end, "variable 'NOT' is not set")
        assert.error_matches(function() run("vars.NAME = 1") end, "cannot be changed")
        assert.equal(2, run("local n = 0 for _ in pairs(vars) do n = n + 1 end return n"))
    end)

    it("requires modules once, by name, in the script's environment", function()
        assert.equal("phone", run("return require('phone').name"))
        assert.equal(run("return require 'phone'"), run("return require 'a.b'"))
        assert.error_matches(function() run("require 'loop'") end, "requires itself")
        assert.error_matches(function() run("require 'bad'") end, "unexpected symbol")
        assert.error_matches(function() run("require 'nothing'") end, "no lib/nothing.lua")
        for _, name in ipairs { "../x", "/etc/x", "a..b", "", "a/b", ".a" } do
            assert.error_matches(function() run(("require %q"):format(name)) end, "no module name", nil, nil, name)
        end
    end)

    it("logs with formats, or one argument as it is", function()
        run("log.info('100%') log.warn('%d of %s', 1, 'x') log.debug({} == nil) print('a', nil, 1)")
        assert.same({ "info: 100%", "warn: 1 of x", "debug: false", "info: a\tnil\t1" }, logged)
    end)
end)
