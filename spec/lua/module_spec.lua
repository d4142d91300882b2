local support = require "support"

-- `require "luamig"` in a lua5.4 of its own, as a project's tests have it.
describe("the module", function()
    local build = os.getenv("LUAMIG_BUILD") or os.getenv("PWD") .. "/build"
    local s

    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    -- A sanitizer's runtime must come before everything else.
    local pipe = io.popen("ldd " .. support.quote(build .. "/luamig.so"))
    local preload = pipe:read("a"):match("libasan%S* => (%S+)") or false
    pipe:close()

    local PRELUDE = [[
        luamig = require "luamig"
        function fails(part, fn, ...)
            local ok, err = pcall(fn, ...)
            assert(not ok, "it did not fail: " .. part)
            assert(tostring(err):find(part, 1, true), "another error: " .. tostring(err))
            return err
        end
        function same(wanted, got)
            if wanted ~= got then error(("%s, not %s"):format(got, wanted), 2) end
        end
    ]]

    --- Runs a script in the spec's folder; its output is nothing but its own.
    local function lua(code, env)
        s:file("./test.lua", PRELUDE:gsub("\n", " ") .. "\n" .. code)
        local all = { LUAMIG_TEST_URL = support.server, LUA_CPATH_5_4 = build .. "/?.so", LD_PRELOAD = preload,
            URL = s.url }
        for name, value in pairs(env or {}) do all[name] = value end
        local result = s:run("test.lua", { binary = "/usr/bin/lua5.4", env = all })
        assert.equal("", result.err)
        assert.equal(0, result.status)
        return result.out
    end

    local function databases()
        return support.server_sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'luamig_scratch%'")
    end

    it("connects: statements commit by themselves, transactions roll back", function()
        lua [[
            local db = luamig.connect(os.getenv "URL")
            db:exec "CREATE TABLE t (a int PRIMARY KEY, b text)"
            same(2, db:exec("INSERT INTO t VALUES (1, $1), (2, $2)", "x", luamig.null))
            fails("another error", db.transaction, db, function()
                db:exec "DELETE FROM t"
                error "another error"
            end)
            same("x", db:one("SELECT * FROM t WHERE a = 1").b)
            same(nil, db:one("SELECT * FROM t WHERE a = 2").b)
            fails("no column 'c'", function() return db:one("SELECT * FROM t LIMIT 1").c end)
            local ok, err = db:try(function() db:exec "INSERT INTO t VALUES (1)" end)
            same("23505", not ok and err.sqlstate)
            same(2, db:transaction(function()
                local n = 0
                for _ in db:rows "SELECT * FROM t" do n = n + 1 end
                return n
            end))
            db:transaction(function()
                same(2, db:copy_in { "t", rows = { { 3, "y" }, { 4, luamig.null } } })
                same(1, db:update_many { "t", key = "a", set = { "b" }, rows = { { a = 3, b = "z" } } })
                for row in db:copy_out "SELECT b FROM t WHERE a = 3" do same("z", row[1]) end
                same(2, db:exec "DELETE FROM t WHERE a > 2")
            end)
            db:exec "VACUUM t"
            db:exec "CREATE INDEX CONCURRENTLY ON t (b)"
            fails("luamig begins and ends transactions", db.exec, db, "BEGIN")
            fails("no method 'step'", function() db:step("a", print) end)
            db:close()
            db:close()
            fails("db is used after it was closed", function() db:exec "SELECT 1" end)
        ]]
        assert.equal("2", s:sql "SELECT count(*) FROM t")
    end)

    it("has values both ways", function()
        lua [[
            local db <close> = luamig.connect(os.getenv "URL")
            local function back(type, value)
                return db:value("SELECT $1::" .. type, value)
            end
            same(9223372036854775807, back("int8", math.maxinteger))
            same("float", math.type(back("float8", 0.1)))
            same(0.1, back("float8", 0.1))
            same("1.10", back("numeric", "1.10"))
            same(true, back("bool", true))
            same("\0\xff", back("bytea", luamig.bytea "\0\xff"))
            same(nil, back("text", nil))
            local array = back("int[]", luamig.array { 1, luamig.null, 3 })
            same(3, #array)
            same(luamig.null, array[2])
            fails("wrap it in array{...}", back, "text", {})
        ]]
    end)

    it("says who cannot be connected to, without a password", function()
        local out = lua [[
            local err = fails("Connection refused", luamig.connect, "postgres://u:geheim@127.0.0.1:1/x")
            print(err, err.message)
            fails("is not PostgreSQL's", luamig.connect, "mysql://x")
            fails("string expected", luamig.connect)
            local db = luamig.connect(os.getenv "URL")
            fails("terminating connection", db.exec, db, "SELECT pg_terminate_backend(pg_backend_pid())")
            fails("terminating connection", db.exec, db, "SELECT 1")
            db:close()
            fails("does not exist", luamig.connect, (os.getenv("URL"):gsub("/spec_", "/no_")))
        ]]
        assert.is_nil(out:find("geheim", 1, true))
    end)

    it("refuses to close a db in the middle of a transaction", function()
        lua [[
            local db <close> = luamig.connect(os.getenv "URL")
            db:transaction(function()
                fails("db:close inside of", db.close, db)
                db:exec "CREATE TABLE t ()"
            end)
            same(0, db:value "SELECT count(*) FROM t")
        ]]
    end)

    local function migrations()
        s:files {
            ["1_users.up.sql"] = "CREATE TABLE users (id int PRIMARY KEY, name text)",
            ["1_users.down.sql"] = "DROP TABLE users",
            ["2_names.up.lua"] = [[
                for i = 1, tonumber(vars.COUNT) do
                    db:exec("INSERT INTO users VALUES ($1, $2)", i, require("name").of(i))
                end
                log.info "said to nobody"]],
            ["2_names.down.sql"] = "DELETE FROM users",
        }
        os.execute("mkdir " .. s.dir .. "/lib")
        s:file("lib/name.lua", "return { of = function(i) return 'n' .. i end }")
    end

    it("makes a scratch database, migrated up and down again", function()
        migrations()
        assert.equal("", lua [[
            local options = { lib = "lib", vars = { COUNT = 3 }, table = "public.versions" }
            local s = luamig.scratch(options)
            same("n3", s.db:value "SELECT max(name) FROM users")
            same(2, s.db:value "SELECT count(*) FROM public.versions")
            same(1, s:down())
            same(0, s.db:value "SELECT count(*) FROM users")
            same("pending", s:status()[2].state)
            same(1, s:status()[1].version)
            same("migrations/1_users.up.sql", s:status()[1].file)
            same(1, s:status().counts.pending)
            same(1, s:down { to = 0 })
            same(1, s:up { to = 1 })
            same(1, s:up())
            same(0, s:up())
            same(3, s.db:value "SELECT count(*) FROM users")
            s:drop()
            s:drop()
            fails("was dropped", s.up, s)
            fails("was closed", s.db.exec, s.db, "SELECT 1")

            options.to = 1
            local a <close>, b = luamig.scratch(options)
            options.to = 0
            b = luamig.scratch(options)
            same(0, a.db:value "SELECT count(*) FROM users")
            same(nil, b.db:value "SELECT to_regclass('users')")
            same(2, b:up())
            same(3, b.db:value "SELECT count(*) FROM users")
            same(0, a.db:value "SELECT count(*) FROM users")
        ]])
        assert.equal("0", databases())
    end)

    it("leaves what is for the background, as up does, until it is asked for", function()
        s:files {
            ["1_a.up.sql"] = "CREATE TABLE a (a int)",
            ["2_b.up.sql"] = "-- luamig: no-transaction background\nINSERT INTO a VALUES (1)",
            ["3_c.up.sql"] = "CREATE TABLE c (c int)",
        }
        lua [[
            local s <close> = luamig.scratch()
            same(1, s:status().counts.background)
            same(true, s:status()[2].background)
            same(false, s:status()[1].background)
            fails("only does not go with", s.up, s, { only = 2, background = true })
            same(1, s:up { background = true })
            same(1, s.db:value "SELECT a FROM a")
            local t <close> = luamig.scratch { to = 1 }
            same(1, t:up { only = 2 })
            same(1, t.db:value "SELECT a FROM a")
            same(1, t:status().counts.pending)
        ]]
    end)

    it("runs a backfill; one that stopped goes on with the next up", function()
        s:files {
            ["1_users.up.sql"] = "CREATE TABLE users (id int PRIMARY KEY, phone text, digits text)",
            ["2_digits.up.lua"] = [[
                -- luamig: no-transaction
                db:backfill { "digits", table = "users", read = { "phone" }, set = { "digits" },
                    map = function(user) return { digits = user.phone:match "^%d+$" or error "no digits" } end }]],
        }
        lua [[
            local s <close> = luamig.scratch { to = 1 }
            s.db:exec "INSERT INTO users SELECT i, i FROM generate_series(1, 2000) i"
            s.db:exec "INSERT INTO users VALUES (1700, 'x') ON CONFLICT (id) DO UPDATE SET phone = 'x'"
            fails("2_digits.up.lua:3: no digits", s.up, s)
            same(true, s.db:value "SELECT count(digits) BETWEEN 500 AND 1999 FROM users")
            same("partial", s:status()[2].state)
            s.db:exec "UPDATE users SET phone = '7' WHERE phone = 'x'"
            same(1, s:up())
            same(2000, s.db:value "SELECT count(*) FROM users WHERE digits = phone")
            fails("no method 'backfill'", function() s.db:backfill { "x" } end)
        ]]
    end)

    it("makes a scratch database with environments", function()
        os.execute(("mkdir -p %s/layers/base %s/layers/test"):format(s.dir, s.dir))
        s:file("layers/base/1_a.up.sql", "CREATE TABLE a (a int)")
        s:file("layers/test/2_b.up.sql", "INSERT INTO a VALUES (1)")
        lua [[
            same(0, luamig.scratch { dir = "layers" }.db:value "SELECT count(*) FROM a")
            local s = luamig.scratch { dir = "layers", env = { "test" } }
            same(1, s.db:value "SELECT count(*) FROM a")
            same("test", s:status()[2].environment)
        ]]
    end)

    it("raises what a migration fails with, and where; the scratch goes on", function()
        s:files {
            ["1_users.up.sql"] = "CREATE TABLE users (id int)",
            ["2_bad.up.sql"] = "SELECT 1;\nSELECT nmae FROM users",
            ["3_script.up.lua"] = "local x\n\ndb:exec 'SELECT nmae FROM users'",
        }
        s:file("./good.sql", "SELECT 2")
        lua [[
            local s <close> = luamig.scratch { to = 1 }
            local err = fails('2_bad.up.sql:2:8: column "nmae" does not exist [42703]', s.up, s)
            same('column "nmae" does not exist', err.message)
            same("42703", err.sqlstate)
            same("migrations/2_bad.up.sql", err.file)
            same(2, err.line)
            same(8, err.column)
            same(1, s.db:value "SELECT count(*) FROM luamig.applied_migrations")
            os.rename("good.sql", "migrations/2_bad.up.sql")
            err = fails("SELECT nmae FROM users", s.up, s)
            same("migrations/3_script.up.lua", err.file)
            same(3, err.line)
            same(2, s.db:value "SELECT count(*) FROM luamig.applied_migrations")
            fails("nmae", luamig.scratch, {})
        ]]
        assert.equal("0", databases())
    end)

    it("says what is wrong with options, files and the server", function()
        migrations()
        s:files { ["3_a.up.sql"] = "", ["3_b.up.sql"] = "" }
        s:file("4.up.sql", "")
        local out = lua [[
            fails("Did you mean 'table'?", luamig.scratch, { tabel = "x" })
            fails("options have names", luamig.scratch, { "migrations" })
            fails("unknown option 'database'", luamig.scratch, { database = "x" })
            fails("'1.5' is no to", luamig.scratch, { to = 1.5 })
            fails("is not a table", luamig.scratch, { table = "a.b.c" })
            fails("no folder 'nowhere'", luamig.scratch, { dir = "nowhere" })
            fails("setting 'dir' must be a string", luamig.scratch, { dir = {} })
            print(fails("problems", luamig.scratch))
            os.remove "migrations/3_b.up.sql"
            os.remove "migrations/4.up.sql"
            fails("variable 'COUNT' is not set", luamig.scratch)
            local s = luamig.scratch { to = 1 }
            fails("version 77 is not in", s.up, s, { to = 77 })
            fails("Did you mean 'to'?", s.down, s, { too = 1 })
            fails("neither field nor method 'dbb'", function() return s.dbb end)
            s.db:transaction(function() fails("inside of db:transaction", s.up, s) end)
        ]]
        assert.match("3_a.up.sql", out, 1, true)
        assert.match("4.up.sql", out, 1, true)
        lua([[fails("LUAMIG_TEST_URL is not set", luamig.scratch)]], { LUAMIG_TEST_URL = false })
        lua([[fails("refused", luamig.scratch)]], { LUAMIG_TEST_URL = "postgres://127.0.0.1:1/x" })
        assert.equal("0", databases())
    end)

    it("leaves a forgotten scratch to the collector, but not one whose db is in use", function()
        s:file("1_a.up.sql", "CREATE TABLE a ()")
        lua [[
            local db = luamig.scratch().db
            collectgarbage() collectgarbage()
            same(0, db:value "SELECT count(*) FROM a")
            same(1, db:value "SELECT count(*) FROM pg_database WHERE datname LIKE 'luamig_scratch%'")
            luamig.scratch()
            collectgarbage() collectgarbage()
            same(1, db:value "SELECT count(*) FROM pg_database WHERE datname LIKE 'luamig_scratch%'")
        ]]
        assert.equal("0", databases())
    end)

    it("gives a script under test what luamig gives it", function()
        migrations()
        s:file("./countries.csv", "DE,Germany\n")
        assert.equal("", lua [[
            local said = {}
            local env = luamig.globals { dir = ".", lib = "lib", vars = { COUNT = 2 },
                log = function(level, text) said[#said + 1] = level .. ": " .. text end }
            same("n7", env.require("name").of(7))
            same("DE,Germany\n", env.files.read "countries.csv")
            fails("outside", env.files.read, "../../etc/passwd")
            same('{"a":[null]}', env.json.encode { a = env.array { env.null } })
            same("2", env.vars.COUNT)
            fails("variable 'NO' is not set", function() return env.vars.NO end)
            same(nil, env.io)
            same(nil, string.dump and env.string.dump)

            local s <close> = luamig.scratch { to = 1 }
            env.db = s.db
            assert(loadfile("migrations/2_names.up.lua", "t", env))()
            same("n1 n2", s.db:value "SELECT string_agg(name, ' ' ORDER BY id) FROM users")
            env.print("a", 1)
            same("info: said to nobody|info: a\t1", table.concat(said, "|"))

            env = luamig.globals()
            env.log.info "nothing is printed"
            env.log = { info = function(text) said = text end }
            load("log.info 'replaced'", "=x", "t", env)()
            same("replaced", said)
            fails("unknown option 'var'", luamig.globals, { var = {} })
            fails("unknown option 'to'", luamig.globals, { to = 1 })
        ]])
    end)

    it("gives the hooks of a file to be called, with a command that can be replaced", function()
        migrations()
        s:file("hooks.lua", [[
            local name = require "name"
            return {
                before_run = function(run)
                    log.info("run %s, %s", run.id, name.of(7))
                    if vars("FROZEN") then error "no migrations now" end
                end,
                after_migration = {
                    function(m) m.db:exec("CREATE TABLE audit AS SELECT $1::int AS version", m.migration.version) end,
                    function() status, output = command { "echo", "done" } end,
                },
                on_failure = function(f) command { "notify", "--text", f.error.message } end,
            }]])
        assert.equal("", lua [[
            local said, called
            local exit, searchers = os.exit, #package.searchers
            local hooks = luamig.hooks("migrations/hooks.lua", { lib = "lib",
                log = function(_, text) said = text end })
            hooks.before_run { id = "4711" }
            same("run 4711, n7", said)
            local s <close> = luamig.scratch { to = 1 }
            same(nil, s.db:value "SELECT to_regclass('audit')")
            hooks.after_migration { db = s.db, migration = { version = 1 } }
            same(1, s.db:value "SELECT version FROM audit")
            same(nil, status)
            function hooks.command(request) called = table.concat(request, " ") end
            hooks.on_failure { error = { message = "broken" } }
            same("notify --text broken", called)
            same(nil, hooks.after_run)

            hooks = luamig.hooks("migrations/hooks.lua", { lib = "lib", vars = { FROZEN = 1 } })
            fails("hooks.lua:5: no migrations now", hooks.before_run, { id = "4711" })
            fails("cannot run 'notify'", hooks.on_failure, { error = { message = "broken" } })
            same(exit, os.exit)
            same(searchers, #package.searchers)
            local status, output = luamig.globals().command { "echo", "hello" }
            same("0hello\n", status .. output)

            local s <close> = luamig.scratch { to = 1, lib = "lib", hooks = "migrations/hooks.lua" }
            same(1, s.db:value "SELECT version FROM audit")
            fails("module 'name' not found", luamig.hooks, "migrations/hooks.lua")
            fails("cannot open", luamig.hooks, "nowhere.lua")
            io.open("bad.lua", "w"):write("return { before_rum = print }"):close()
            same("Did you mean 'before_run'?", fails("unknown event 'before_rum'", luamig.hooks, "bad.lua").hint)
        ]])
    end)

    it("is as the README's page about tests says", function()
        local text = support.read_file(os.getenv("PWD") .. "/README.md")
        local section = text:match("\n## Testing migrations\n(.-)\n## ")
        local example = section:match("```lua\n(.-)```")
        s:file("./phones_spec.lua", example)
        os.execute(("rmdir %s/migrations && cp -r migrations-example %s/migrations"):format(s.dir, s.dir))
        local result = s:run("-o", "TAP", "--lua=/usr/bin/lua5.4", "--cpath=" .. build .. "/?.so", "phones_spec.lua",
            { binary = "busted", env = { LUAMIG_TEST_URL = support.server, LD_PRELOAD = preload } })
        assert.equal(0, result.status, result.out .. result.err)
        assert.match("ok 2 ", result.out, 1, true)
    end)

    it("touches no signal of its host", function()
        s:file("1_a.up.lua", "db:exec 'SELECT pg_sleep(0.7)'")
        local out = lua [[
            local function signals()
                local text = io.open("/proc/self/status"):read "a"
                return text:match "SigBlk:%s*%x+" .. text:match "SigIgn:%s*%x+" .. text:match "SigCgt:%s*%x+"
            end
            local before = signals()
            local s = luamig.scratch { to = 0 }
            s:status()
            fails("no", s.db.exec, s.db, "SELECT no")
            fails("terminating", s.db.exec, s.db, "SELECT pg_terminate_backend(pg_backend_pid())")
            s:drop()
            same(before, signals())
            s = luamig.scratch { to = 0 }
            local killer = io.popen([=[while [ "$(LD_PRELOAD= psql -XqAt -d "$LUAMIG_TEST_URL" -c "SELECT count(*)
                FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(0.7)'")" = 0 ]; do :; done; kill -INT $PPID]=])
            print(pcall(function()
                s:up()
                for i = 1, 1e8 do end
            end))
            killer:close()
            same(1, s.db:value "SELECT count(*) FROM luamig.applied_migrations")
        ]]
        assert.match("^false\t.*interrupted!\n$", out)
    end)
end)
