local support = require "support"

-- Every program that a hook starts in these specs has its scratch folder in its arguments.
local function alive(s)
    local pipe = io.popen("pgrep -f " .. support.quote("[/]tmp/" .. s.dir:match "[^/]+$" .. "/mark"))
    local text = pipe:read "a"
    pipe:close()
    return text ~= ""
end

describe("a program that a hook runs", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
    end)
    after_each(support.cleanup)

    -- Runs text as before_run.
    local function expect(status, text, ...)
        s:file("hooks.lua", support.TRACE .. "return { before_run = function(run)\n" .. text .. "\nend }")
        return s:expect(status, "up", ...)
    end

    it("by command{}: meets no shell, gives status and output, which is logged", function()
        local r = expect(0, [[
local status, output = command { "printf", "%s|", "$HOME", "a b", "*" }
assert(status == 0 and output == "$HOME|a b|*|", output)
status, output = command { "sh", "-c", "echo one; echo two >&2; exit 3" }
assert(status == 3 and output == "one\ntwo\n")
assert(select(2, command { "cat", stdin = "x\0y" }) == "x\0y")
assert(command { "sh", "-c", "kill -9 $$" } == 137)
status, output = command { "sh", "-c", "yes | head -c 2000000", timeout = "30s" }
assert(status == 0 and #output == 1 << 20)]])
        assert.matches("note: one\nnote: two\n", r.err, 1, true)
        assert.matches("warning: the rest of its output is not shown", r.err, 1, true)
        assert.is_true(#r.err < 20000)
    end)

    for text, says in pairs {
        ['command { "no-such-program" }'] = "cannot run 'no-such-program': No such file or directory",
        ['command { "sleep", "60", timeout = "300ms" }'] = "'sleep' was ended: timeout = 300ms",
        ['command { "true", timeout = 5 }'] = "timeout is no duration",
        ['command { "true", time = "5s" }'] = "command has no option 'time'",
        ['command { "true", 1 }'] = "argument 1 must be a string",
        ['command { "true", "\\0" }'] = "argument 1 holds a zero byte",
        ['command { "true", stdin = 5 }'] = "stdin must be a string",
        ['command {}'] = "no program is named",
        ['command "true"'] = "write command { ",
        ['io.popen("true", "rw")'] = "mode must be 'r' or 'w'",
        ['io.popen "yes | head -c 20000000"'] = "wrote more than 16 MiB",
    } do
        it("is refused: " .. text, function()
            local r = expect(4, text)
            assert.matches(says, r.err, 1, true)
            assert.matches("migrations/hooks.lua:6", r.err, 1, true)
            assert.is_false(s:has "a")
        end)
    end

    it("by os.execute and io.popen: as Lua has them", function()
        local r = expect(0, [[
assert(os.execute())
local ok, how, code = os.execute "echo said; exit 3"
assert(ok == nil and how == "exit" and code == 3)
assert(os.execute "true")
ok, how, code = os.execute "kill -15 $$"
assert(ok == nil and how == "signal" and code == 15)
local pipe = io.popen "echo data; echo oops >&2; echo more; exit 2"
assert(pipe:read "l" == "data" and pipe:lines()() == "more" and pipe:read "l" == nil)
ok, how, code = pipe:close()
assert(ok == nil and how == "exit" and code == 2)
pipe = io.popen("cat >written", "w")
assert(pipe:write("a", 1):write "b" and pipe:close())
assert(io.open "written":read "a" == "a1b")]])
        assert.matches("note: said\n", r.err, 1, true)
        assert.matches("note: oops\n", r.err, 1, true)
        assert.not_matches("data", r.err, 1, true)
    end)

    it("is ended when luamig is killed", function()
        s:file("hooks.lua", "return { before_run = function()"
            .. (" command { 'tail', '-f', '/dev/null', '%s/mark' } end }"):format(s.dir))
        local p = s:start("up")
        support.eventually(function() return alive(s) end)
        p:kill "KILL"
        support.eventually(function() return not alive(s) end)
    end)

    it("keeps the lease as long as it takes", function()
        s:file("hooks.lua", "return { before_migration = function() os.execute 'sleep 2.5' end }")
        local p = s:start("up", "--lock", "lease", "--lease", "600ms")
        support.eventually(function()
            return s:sql "SELECT count(*) FROM luamig.applied_migrations_lock" == "1"
        end)
        local other = s:start("up", "--lock", "lease", "--lease", "600ms")
        p:says "waiting for 'sleep 2.5' to end"
        other:says "waiting for"
        assert.equal(0, p:wait().status)
        assert.equal(0, other:wait().status)
        assert.equal("1", s:sql "SELECT count(*) FROM luamig.applied_migrations_history")
        assert.not_matches("took over", other:err(), 1, true)
    end)
end)

-- What would go on for ever, by the name of the way.
local ENDLESS = {
    ["a loop of Lua"] = "while true do end",
    ["a loop of pcall"] = "while true do pcall(error, 'x') end",
    ["a command that hangs and ignores SIGTERM"] =
        "command { 'sh', '-c', [[trap '' TERM; while :; do sleep 1; done; : \"$0\"]], MARK }",
    ["os.execute that hangs"] = "os.execute('sleep 600; : ' .. MARK)",
    ["a flood"] = "command { 'sh', '-c', 'while :; do echo a long line of no interest; done', MARK }",
    ["io.popen of a flood"] = "io.popen('while :; do echo >&2 line; done; : ' .. MARK)",
}

describe("a hook that does not end,", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a (); CREATE TABLE seen (what text);")
        s:expect(0, "up")
        s:file("2_b.up.sql", "ALTER TABLE a ADD b int;")
    end)
    after_each(support.cleanup)

    local function hooks(event, text)
        s:file("hooks.lua", support.TRACE .. ("MARK = '%s/mark'\n"):format(s.dir) .. "return {" .. event
            .. " = function(e) trace('in', e.event) " .. text .. " end,\non_failure = function(f)"
            .. " trace('failure', f.error.message)"
            .. " f.db:exec('INSERT INTO seen VALUES ($1)', f.migration and f.migration.name or '-') end }")
    end

    local function expect_clean()
        support.eventually(function() return not alive(s) end, "the end of its programs")
        assert.equal("1", s:applied())
        assert.equal("0", s:sql "SELECT count(*) FROM pg_locks WHERE relation = 'a'::regclass")
        assert.equal("1", s:sql "SELECT count(*) FROM seen")
    end

    for name, text in pairs(ENDLESS) do
        it(name .. ": its limit ends it, the migration is rolled back", function()
            hooks("after_migration", text)
            local began = support.now()
            local r = s:expect(10, "up", "--migration-timeout", "700ms")
            assert.is_true(support.now() - began < 20)
            assert.matches("time limit migration_timeout = 700ms was reached", r.err, 1, true)
            assert.matches("migrations/hooks.lua:6", r.err, 1, true)
            assert.is_true(#r.err < 100000)
            expect_clean()
            assert.equal("b", s:sql "SELECT what FROM seen")
            assert.equal("in after_migration\nfailure time limit migration_timeout = 700ms was reached\n",
                s:read "trace")
        end)

        local one_of_a_kind = name:find "loop of Lua" or name:find "ignores" or name:find "popen"
        local signalled = one_of_a_kind and it or function() end

        signalled(name .. ": SIGTERM ends it, the migration is rolled back", function()
            hooks("after_migration", text)
            local p = s:start("up")
            support.eventually(function() return s:read "trace" ~= "" end)
            if text:find "MARK" then support.eventually(function() return alive(s) end) end
            local began = support.now()
            p:kill "TERM"
            local r = p:wait()
            assert.is_true(support.now() - began < 10)
            assert.equal(143, r.status)
            assert.matches("stopped by SIGTERM", r.err, 1, true)
            expect_clean()
            assert.equal("in after_migration\nfailure stopped by SIGTERM\n", s:read "trace")
        end)
    end

    it("before_run: the run's limit is exit 10, SIGINT 130, nothing was tried", function()
        hooks("before_run", ENDLESS["os.execute that hangs"])
        local r = s:expect(10, "up", "--timeout", "700ms")
        assert.matches("time limit timeout = 700ms was reached", r.err, 1, true)
        expect_clean()
        local p = s:start("up")
        support.eventually(function() return alive(s) end)
        p:kill "INT"
        assert.equal(130, p:wait().status)
        assert.equal("1", s:applied())
        assert.equal("-\n-", s:sql "SELECT what FROM seen")
    end)

    it("after_run: the run's limit is a warning, SIGTERM 143, all is applied", function()
        hooks("after_run", ENDLESS["a loop of Lua"])
        local r = s:expect(0, "up", "--timeout", "1s")
        assert.matches("warning: the after_run hook failed: time limit timeout = 1s was reached", r.err, 1, true)
        assert.equal("1,2", s:applied())
        s:file("3_c.up.sql", "SELECT 1;")
        os.remove(s.dir .. "/trace")
        local p = s:start("up")
        support.eventually(function() return s:read "trace" ~= "" end)
        p:kill "TERM"
        assert.equal(143, p:wait().status)
        assert.equal("1,2,3", s:applied())
    end)

    it("while hooks.lua is read: nothing was tried", function()
        s:file("hooks.lua", "while true do end")
        s:expect(10, "up", "--timeout", "500ms")
        assert.equal("1", s:applied())
    end)

    it("on_failure: has 10 s of its own", function()
        s:file("hooks.lua", support.TRACE .. ("MARK = '%s/mark'\n"):format(s.dir) .. [[return {
    before_run = function() error "not today" end,
    on_failure = { function() trace "first" end, function() os.execute("sleep 600; : " .. MARK) end } }]])
        local began = support.now()
        local r = s:expect(4, "up")
        assert.is_true(support.now() - began > 9)
        assert.matches("warning: the on_failure hook failed: it was ended after 10 s", r.err, 1, true)
        assert.equal("first\n", s:read "trace")
        assert.is_false(alive(s))
    end)
end)

describe("on_failure", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE seen (what text, state text, attempt int);")
        s:expect(0, "up")
        s:file("hooks.lua", [[return { on_failure = function(f)
    f.db:exec("INSERT INTO seen VALUES ($1, $2, $3)", f.migration and f.migration.name, f.error.sqlstate, f.attempt)
    f.db:exec "SET search_path = pg_catalog"
end }]])
    end)
    after_each(support.cleanup)

    it("comes after an SQL error, a limit, a signal: once each, after the rollback", function()
        s:file("2_b.up.sql", "CREATE TABLE b (); SELECT 1/0;")
        s:expect(7, "up")
        s:file("2_b.up.sql", "CREATE TABLE b (); SELECT pg_sleep(60);")
        s:expect(10, "up", "--migration-timeout", "300ms")
        local p = s:start("up")
        s:runs("pg_sleep(60")
        p:kill "TERM"
        assert.equal(143, p:wait().status)
        assert.equal("b|22012|1\nb|57014|1\nb|57014|1", s:sql "SELECT * FROM seen")
        assert.is_false(s:has "b")
    end)

    it("comes on a new connection when the old one is lost", function()
        s:file("2_b.up.sql", "SELECT pg_terminate_backend(pg_backend_pid());")
        local r = s:run("up")
        assert.is_true(r.status ~= 0)
        assert.equal("b", s:sql "SELECT what FROM seen")
    end)

    it("comes without db when there is no server any more", function()
        s:file("hooks.lua", [[return { on_failure = function(f)
    local file <close> = io.open("trace", "w")
    file:write(tostring(select(2, pcall(f.db.exec, f.db, "SELECT 1"))))
end }]])
        s:file("2_b.up.sql", "SELECT pg_sleep(60);")
        local p = s:start("up")
        s:runs("pg_sleep(60")
        support.server_sql("ALTER DATABASE " .. s.name .. " ALLOW_CONNECTIONS false")
        support.server_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60%'"
            .. " AND datname = '" .. s.name .. "'")
        p:says "connecting again"
        p:kill "TERM"
        assert.is_true(p:wait().status ~= 0)
        assert.matches("not currently accepting connections", s:read "trace", 1, true)
    end)

    it("comes after the undo", function()
        s:files { ["2_b.up.sql"] = "CREATE TABLE b ();", ["2_b.down.sql"] = "DROP TABLE b;",
            ["3_c.up.sql"] = "SELECT 1/0;", ["3_c.down.sql"] = "" }
        s:file("hooks.lua", [[return { on_failure = function(f)
    f.db:exec("INSERT INTO seen VALUES ($1, to_regclass('b')::text)", f.migration.name)
end }]])
        s:expect(8, "up", "--rollback")
        assert.equal("c|", s:sql "SELECT what, state FROM seen")
    end)
end)
