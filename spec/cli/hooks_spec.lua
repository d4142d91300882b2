local support = require "support"

-- Every event is traced.
local ALL = support.TRACE .. [[
local events = {}
for _, event in ipairs { "before_run", "after_run", "before_migration", "after_migration", "on_failure" } do
    events[event] = function(e)
        trace(e.event, e.migration and ("%s %s %d"):format(e.migration.name, e.migration.direction, e.attempt) or "-",
            e.error and e.error.message or "")
    end
end
]]

describe("hooks.lua", function()
    local s
    before_each(function()
        s = support.scratch()
        s:files {
            ["1_a.up.sql"] = "CREATE TABLE a (n int);", ["1_a.down.sql"] = "DROP TABLE a;",
            ["2_b.up.lua"] = "db:exec 'CREATE TABLE b ()'", ["2_b.down.sql"] = "DROP TABLE b;",
        }
    end)
    after_each(support.cleanup)

    local function traced()
        return (s:read "trace":gsub(" +\n", "\n"))
    end

    it("is called in order for up, down and redo, not when there is nothing to do", function()
        s:file("hooks.lua", ALL .. "return events")
        s:expect(0, "up")
        assert.equal([[
before_run -
before_migration a up 1
after_migration a up 1
before_migration b up 1
after_migration b up 1
after_run -
]], traced())
        os.remove(s.dir .. "/trace")
        s:expect(0, "up")
        s:expect(0, "dry-run")
        assert.equal("", traced())
        s:expect(0, "down")
        assert.equal("before_run -\nbefore_migration b down 1\nafter_migration b down 1\nafter_run -\n", traced())
        os.remove(s.dir .. "/trace")
        s:expect(0, "redo", "1")
        assert.equal([[
before_run -
before_migration a down 1
after_migration a down 1
before_migration a up 1
after_migration a up 1
after_run -
]], traced())
    end)

    it("is not called by dry-run, exec and mark", function()
        s:file("hooks.lua", ALL .. "return events")
        s:expect(0, "dry-run")
        s:expect(0, "exec", "migrations/1_a.up.sql")
        s:expect(0, "mark", "applied", "1")
        s:expect(0, "up", "--hooks", "none")
        assert.equal("", traced())
    end)

    it("gets the run, the plan, the migration and how long it took", function()
        s:file("hooks.lua", support.TRACE .. [[
local function all(e)
    local run, names = e.run, {}
    for _, step in ipairs(e.plan) do names[#names + 1] = step.version .. "_" .. step.name end
    assert(run.id:match "^%x%x%x%x%x%x%x%x$" and run.host ~= "" and run.user ~= "" and run.background == false)
    assert(run.started:match "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$" and #run.environments == 0)
    local m = e.migration
    assert(not m or m.dir == "migrations" and m.mode == "transaction" and not m.dry_run and e.attempt == 1)
    assert((e.duration ~= nil) == (e.event == "after_migration") and (e.duration or 0) >= 0)
    trace(e.event, run.command, run.direction, run.database, table.concat(names, ","), m and m.version or "-")
end
return { before_run = { all, all }, after_run = all, before_migration = all, after_migration = all }
]])
        s:expect(0, "up", "--to", "1")
        local rest = " up up " .. s.name .. " 1_a "
        assert.equal("before_run" .. rest .. "-\nbefore_run" .. rest .. "-\nbefore_migration" .. rest
            .. "1\nafter_migration" .. rest .. "1\nafter_run" .. rest .. "-\n", traced())
        s:file("hooks.lua", support.TRACE .. "local function all(e) trace(e.run.command, e.run.direction) end\n"
            .. "return { before_run = all, after_run = all }")
        os.remove(s.dir .. "/trace")
        s:expect(0, "redo")
        assert.equal("redo down\nredo up\n", traced())
    end)

    it("stands beside base, or where the setting says", function()
        os.execute("mkdir " .. s.dir .. "/migrations/base; mv " .. s.dir .. "/migrations/*.* " .. s.dir
            .. "/migrations/base")
        local text = support.TRACE
            .. "return { after_run = function(e) trace('%s', table.concat(e.run.environments)) end }"
        s:file("hooks.lua", text:format "beside base")
        s:expect(0, "up", "--to", "1", "--env", "base")
        assert.equal("beside base\n", traced())
        os.execute("mkdir " .. s.dir .. "/deploy")
        s:file("deploy/other.lua", text:format "other")
        s:file("deploy/luamig.lua", "return { dir = '../migrations', hooks = 'other.lua' }")
        s:expect(0, "up", "--config", "deploy/luamig.lua")
        s:expect(0, "redo", { env = { LUAMIG_HOOKS = "deploy/other.lua" } })
        assert.equal("beside base\nother\nother\n", traced())
    end)

    it("has all of Lua, and luamig's globals", function()
        os.execute("mkdir " .. s.dir .. "/migrations/lib")
        s:file("migrations/lib/greeting.lua", "return function(name) return 'hello, ' .. name .. json.encode { 1 } end")
        s:file("hooks.lua", support.TRACE .. [[
local greeting = require "greeting"
return { before_run = function(run)
    log.warn("%s", greeting(vars.WHO))
    print(type(os.rename) .. type(debug.traceback))
    trace(json.encode { null, array { 1 }, vars("NO", "default") })
    run.db:exec("CREATE TABLE h (raw bytea); INSERT INTO h VALUES ('x')")
    run.db:exec("INSERT INTO h VALUES ($1)", bytea "\0")
    local ok, message = pcall(require, "nothing")
    assert(not ok and message:find("no file 'migrations/lib/nothing.lua'", 1, true), message)
    assert(not pcall(os.exit, 0))
end }
]])
        local r = s:expect(0, "up", "--set", "WHO=world")
        assert.matches("warning: hello, world[1]", r.err, 1, true)
        assert.matches("note: functionfunction", r.err, 1, true)
        assert.equal('[null,[1],"default"]\n', traced())
        assert.equal("2", s:sql "SELECT count(*) FROM h")
    end)

    it("keeps its state from one event to the next", function()
        s:file("hooks.lua", support.TRACE .. [[
local seen = 0
return { before_migration = function() seen = seen + 1 end, after_run = function() trace(seen) end }]])
        s:expect(0, "up")
        assert.equal("2\n", traced())
    end)

    for text, says in pairs {
        ["return {\n  before_run = function( end\n}"] = { "hooks.lua:2", "expected near" },
        ["return { before_rnu = print }"] = { "unknown event 'before_rnu'", "Did you mean 'before_run'?" },
        ["return { [1] = print }"] = { "unknown event '1'" },
        ["return { before_run = 'x' }"] = { "before_run must be a function or a list of functions" },
        ["return { before_run = { print, 'x' } }"] = { "before_run must be a function or a list of functions" },
        ["print 'nothing'"] = { "it must return a table" },
        ["\nerror 'not today'"] = { "hooks.lua:2", "not today" },
    } do
        it("is refused before anything when it says " .. text:gsub("\n", " "), function()
            s:file("hooks.lua", text)
            for _, command in ipairs { "up", "validate" } do
                local r = s:expect(4, command)
                for _, part in ipairs(says) do assert.matches(part, r.err, 1, true) end
            end
            assert.is_false(s:has "luamig.applied_migrations")
            assert.is_false(s:has "a")
        end)
    end

    it("that is named and not there is exit 2", function()
        local r = s:expect(2, "up", "--hooks", "none.lua")
        assert.matches("none.lua", r.err, 1, true)
        assert.is_false(s:has "luamig.applied_migrations")
    end)

    it("cannot commit, roll back or make steps", function()
        for _, statement in ipairs { "COMMIT", "ROLLBACK", "BEGIN" } do
            s:file("hooks.lua", "return { after_migration = function(m) m.db:exec '" .. statement .. "' end }")
            local r = s:expect(7, "up")
            assert.matches(statement .. " through db:exec is refused", r.err, 1, true)
            assert.matches("context: in the after_migration hook", r.err, 1, true)
        end
        s:file("hooks.lua", "return { after_migration = function(m)"
            .. " m.db:exec 'CREATE INDEX CONCURRENTLY i ON a (n)' end }")
        assert.matches("hint: A migration's hooks are in its transaction", s:expect(7, "up").err, 1, true)
        s:file("hooks.lua", "return { before_run = function(r) r.db:step('x', print) end }")
        assert.matches("db:step is for migrations", s:expect(4, "up").err, 1, true)
        assert.is_false(s:has "a")
    end)
end)

describe("an error in", function()
    local s
    before_each(function()
        s = support.scratch()
        s:files {
            ["1_a.up.sql"] = "CREATE TABLE a ();", ["1_a.down.sql"] = "DROP TABLE a;",
            ["2_b.up.sql"] = "CREATE TABLE b ();", ["2_b.down.sql"] = "DROP TABLE b;",
        }
    end)
    after_each(support.cleanup)

    local function hooks(text)
        s:file("hooks.lua", support.TRACE .. "return {" .. text .. ", on_failure = function(f)"
            .. " trace('failure:', f.error.message, f.migration and f.migration.name or '-', f.error.where)"
            .. " f.db:exec('CREATE TABLE IF NOT EXISTS failed ()') end }")
    end

    it("before_run: exit 4, nothing tried", function()
        hooks "before_run = function(r) r.db:exec 'CREATE TABLE h ()' error 'not on Fridays' end"
        local r = s:expect(4, "up")
        assert.matches("error: not on Fridays\n  migrations/hooks.lua:5", r.err, 1, true)
        assert.matches("luamig: .*0 applied, 2 pending", r.err)
        assert.equal("", s:applied())
        assert.is_true(s:has "h") -- autocommit
        assert.is_true(s:has "failed")
        assert.equal("failure: not on Fridays - migrations/hooks.lua:5\n", s:read "trace")
        assert.equal("0", s:sql "SELECT count(*) FROM luamig.applied_migrations_history")
        hooks "before_run = function(r) r.db:value 'SELECT 1/0' end"
        r = s:expect(4, "up")
        assert.matches("division by zero [22012]", r.err, 1, true)
    end)

    it("after_run: a warning, status unchanged", function()
        hooks "after_run = function(r) error 'no mail' end"
        local r = s:expect(0, "up")
        assert.matches("warning: the after_run hook failed: no mail (migrations/hooks.lua:5)", r.err, 1, true)
        assert.equal("1,2", s:applied())
        assert.equal("", s:read "trace")
    end)

    for _, event in ipairs { "before_migration", "after_migration" } do
        it(event .. ": the migration fails and is rolled back", function()
            hooks(event .. [[ = function(m)
                m.db:exec('CREATE TABLE IF NOT EXISTS h' .. m.migration.version .. ' ()')
                if m.migration.version == 2 then m.db:exec 'SELECT nmae FROM h2' end
            end]])
            local r = s:expect(7, "up")
            assert.matches('column "nmae" does not exist [42703]\n  migrations/hooks.lua:7', r.err, 1, true)
            assert.matches("context: in the " .. event .. " hook", r.err, 1, true)
            assert.matches("2 was rolled back; 1 of 2 pending were applied", r.err, 1, true)
            assert.equal("1", s:applied())
            assert.is_true(s:has "h1")
            assert.is_false(s:has "h2")
            assert.is_false(s:has "b")
            assert.matches('failure: column "nmae" does not exist b migrations/hooks.lua:7', s:read "trace", 1, true)
            assert.equal("up|failed|42703", s:sql("SELECT action, outcome, sqlstate FROM"
                .. " luamig.applied_migrations_history WHERE version = 2"))
        end)
    end

    it("after_migration that a pcall swallowed: the transaction is dead all the same", function()
        hooks "after_migration = function(m) pcall(m.db.exec, m.db, 'SELECT nmae') end"
        local r = s:expect(7, "up")
        assert.matches('column "nmae" does not exist', r.err, 1, true)
        assert.equal("", s:applied())
    end)

    it("on_failure: reported, the status is that of the failure", function()
        s:file("2_b.up.sql", "SELECT 1/0;")
        s:file("hooks.lua", "return { on_failure = function(f) error('no mail about ' .. f.error.sqlstate) end }")
        local r = s:expect(7, "up")
        assert.matches("warning: the on_failure hook failed: no mail about 22012 (migrations/hooks.lua:1)", r.err,
            1, true)
        assert.matches("division by zero", r.err, 1, true)
        assert.equal("1", s:applied())
    end)

    it("a hook of a down, or of a redo's up: rolled back, and told once", function()
        s:expect(0, "up", "--hooks", "none")
        hooks "after_migration = function(m) if m.migration.direction == vars.FAIL then error 'no' end end"
        s:expect(7, "down", "--set", "FAIL=down")
        assert.equal("1,2", s:applied())
        assert.is_true(s:has "b")
        s:expect(7, "redo", "--set", "FAIL=up")
        assert.equal("1", s:applied())
        assert.is_false(s:has "b")
        local line = "failure: no b migrations/hooks.lua:5\n"
        assert.equal(line .. line, s:read "trace")
    end)

    it("a hook during --rollback: undone by the downs, with their hooks", function()
        hooks [[after_migration = function(m)
            trace(m.migration.name, m.migration.direction, m.run.direction)
            if m.migration.version == 2 then error 'no' end
        end]]
        local r = s:expect(8, "up", "--rollback")
        assert.matches("restored: 1 undone by its down", r.err, 1, true)
        assert.equal("a up up\nb up up\na down up\nfailure: no b migrations/hooks.lua:7\n", s:read "trace")
        assert.equal("", s:applied())
        assert.is_false(s:has "a")
    end)

    it("a hook during --atomic: everything is rolled back", function()
        hooks [[before_migration = function(m) m.db:exec('CREATE TABLE h' .. m.migration.version .. '()') end,
            after_migration = function(m)
            trace(m.migration.name)
            m.db:exec("CREATE TABLE public.after" .. m.migration.version .. "()")
            if m.migration.version == 2 and vars("FAIL", "") ~= "" then error 'no' end
        end]]
        local r = s:expect(8, "up", "--atomic", "--set", "FAIL=1")
        assert.matches("migrations/hooks.lua:9", r.err, 1, true)
        assert.equal("a\nb\nfailure: no b migrations/hooks.lua:9\n", s:read "trace")
        assert.equal("", s:applied())
        assert.is_false(s:has "h1")
        s:file("3_c.up.lua", "db:exec 'CREATE TABLE c ()'")
        s:expect(0, "up", "--atomic")
        assert.equal("1,2,3", s:applied())
        assert.is_true(s:has "h1" and s:has "h3" and s:has "after1" and s:has "after3")
    end)
end)

describe("a hook of a migration", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("commits with it, sees role and settings as they were, and leaves none", function()
        s:files {
            ["1_a.up.sql"] = "SET search_path = pg_catalog; SET ROLE pg_monitor; RESET ROLE;"
                .. " CREATE TABLE public.a (); SET ROLE pg_monitor;",
            ["2_b.up.sql"] = "CREATE TABLE b (); INSERT INTO audit VALUES (current_setting('work_mem'), NULL);",
            ["hooks.lua"] = [[return {
    before_run = function(r) r.db:exec "CREATE TABLE audit (what text, took float8); SET work_mem = '7MB'" end,
    before_migration = function(m) m.db:exec "SET work_mem = '9MB'" end,
    after_migration = function(m)
        assert(m.db:value "SELECT current_setting('work_mem')" ~= "9MB")
        m.db:exec("INSERT INTO audit VALUES ($1, $2)", m.migration.name, m.duration)
        m.db:exec "SET search_path = pg_catalog; SET ROLE pg_monitor"
    end,
    after_run = function(r)
        r.db:exec("INSERT INTO audit VALUES (current_setting('work_mem'), 0)")
    end }]],
        }
        s:expect(0, "up")
        local default = s:sql "SHOW work_mem"
        assert.equal("a|t\n9MB|\nb|t\n" .. default .. "|t", s:sql "SELECT what, took >= 0 FROM audit")
        assert.equal("1,2", s:applied())
    end)

    it("runs again with each attempt, and sees which it is", function()
        s:files {
            ["1_t.up.sql"] = "CREATE TABLE t (); CREATE TABLE seen (event text, attempt int);",
        }
        s:expect(0, "up")
        s:file("2_a.up.sql", "ALTER TABLE t ADD c int;")
        s:file("hooks.lua", support.TRACE .. [[local function all(m)
    trace(m.event, m.attempt)
    m.db:exec("INSERT INTO seen VALUES ($1, $2)", m.event, m.attempt)
end
return { before_migration = all, after_migration = all }]])
        local other = s:session()
        other:sql "BEGIN; SELECT * FROM t"
        local p = s:start("up")
        support.eventually(function() return s:read "trace":find("before_migration 3", 1, true) end)
        other:sql "COMMIT"
        assert.equal(0, p:wait().status)
        local last = s:read "trace":match "after_migration (%d+)\n$"
        assert.is_true(tonumber(last) >= 3)
        assert.equal(("before_migration|%s\nafter_migration|%s"):format(last, last), s:sql "SELECT * FROM seen")
    end)

    it("may be what is in the way of a lock: the attempt is repeated", function()
        s:files { ["1_t.up.sql"] = "CREATE TABLE t ();" }
        s:expect(0, "up")
        s:file("2_a.up.sql", "SELECT 1;")
        s:file("3_b.up.sql", "-- luamig: no-transaction\nSELECT 1;")
        s:file("hooks.lua", support.TRACE .. [[return {
    after_migration = function(m)
        trace(m.migration.name, m.attempt)
        m.db:exec("ALTER TABLE t ADD c" .. m.migration.version .. " int")
    end }]])
        for _, name in ipairs { "a", "b" } do
            local other = s:session()
            other:sql "BEGIN; SELECT * FROM t"
            local p = s:start("up", "--count", "1")
            support.eventually(function() return s:read "trace":find(name .. " 2", 1, true) end)
            other:sql "COMMIT"
            assert.equal(0, p:wait().status)
        end
        assert.equal("1,2,3", s:applied())
        assert.equal("0|0", s:sql "SELECT count(c2), count(c3) FROM t")
    end)

    it("without a transaction: before_ has one of its own, after_ that of the row", function()
        s:files {
            ["1_t.up.sql"] = "CREATE TABLE t (n int);",
            ["2_a.up.sql"] = "-- luamig: no-transaction\nINSERT INTO t VALUES (2); INSERT INTO t VALUES (22);",
            ["3_b.up.lua"] = "-- luamig: no-transaction\n"
                .. "db:step('x', function() db:exec 'INSERT INTO t VALUES (3)' end)",
            ["hooks.lua"] = [[return {
    before_migration = function(m)
        if m.migration.version == 1 then return end
        assert(m.migration.mode == "no-transaction")
        m.db:exec("INSERT INTO t VALUES ($1)", -m.migration.version)
        m.db:exec "SET search_path = pg_catalog"
    end,
    after_migration = function(m)
        if m.migration.version == 1 then return end
        m.db:exec("INSERT INTO t VALUES ($1)", 10 * m.migration.version)
        if vars.FAIL == tostring(m.migration.version) then error "not yet" end
    end }]],
        }
        local r = s:expect(7, "up", "--set", "FAIL=2")
        assert.matches("not yet\n  migrations/hooks.lua:11", r.err, 1, true)
        assert.equal("1", s:applied())
        assert.equal("-2,2,22", s:sql "SELECT string_agg(n::text, ',') FROM t")
        s:expect(7, "up", "--set", "FAIL=3")
        assert.equal("1,2", s:applied())
        assert.equal("-2,2,22,-2,20,-3,3", s:sql "SELECT string_agg(n::text, ',') FROM t")
        s:expect(0, "up", "--set", "FAIL=")
        assert.equal("1,2,3", s:applied())
        assert.equal("-2,2,22,-2,20,-3,3,-3,30", s:sql "SELECT string_agg(n::text, ',') FROM t")
        assert.equal("0", s:sql "SELECT count(*) FROM luamig.applied_migrations_steps")
    end)

    it("that fails before a file without a transaction: nothing of either is done", function()
        s:file("1_a.up.sql", "-- luamig: no-transaction\nCREATE TABLE a ();")
        s:file("hooks.lua", [[return { before_migration = function(m)
    m.db:exec "CREATE TABLE h ()"
    if vars("FAIL", "") ~= "" then error "not yet" end
end }]])
        assert.matches("not yet\n  migrations/hooks.lua:3", s:expect(7, "up", "--set", "FAIL=1").err, 1, true)
        assert.equal("", s:applied())
        assert.is_false(s:has "a" or s:has "h")
        s:expect(0, "up")
        assert.is_true(s:has "a" and s:has "h")
    end)

    it("sees that a run is one in the background", function()
        s:files {
            ["1_a.up.sql"] = "CREATE TABLE seen (what text);",
            ["2_b.up.lua"] = "-- luamig: no-transaction background\ndb:exec \"INSERT INTO seen VALUES ('b')\"",
            ["hooks.lua"] = [[local function all(e)
    e.db:exec("INSERT INTO seen VALUES ($1)", e.event .. (e.migration and e.migration.version or e.run.command))
end
local function in_background(fn) return function(e) if e.run.background then fn(e) end end end
all = in_background(all)
return { before_run = all, before_migration = all, after_migration = all, after_run = all }]],
        }
        s:expect(0, "up")
        assert.equal("", s:sql "SELECT * FROM seen")
        s:expect(0, "up", "--background")
        assert.equal("before_runup\nbefore_migration2\nb\nafter_migration2\nafter_runup", s:sql "SELECT * FROM seen")
    end)

    it("is called for repeatables, which have no version", function()
        s:files {
            ["R__view.sql"] = "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;",
            ["hooks.lua"] = support.TRACE .. [[return { after_migration = function(m)
    trace(m.migration.name, tostring(m.migration.version), m.plan[1].name, tostring(m.plan[1].version))
end }]],
        }
        s:expect(0, "up")
        assert.equal("R__view nil R__view nil\n", s:read "trace")
    end)
end)
