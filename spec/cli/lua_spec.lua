local support = require "support"

describe("a Lua migration", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_users.up.sql", "CREATE TABLE users (id int PRIMARY KEY, name text, phone text);"
            .. "INSERT INTO users SELECT i, 'n' || i, '0' || i FROM generate_series(1, 5) i;")
    end)
    after_each(support.cleanup)

    -- Applies a script as version 2 and expects it to fail with 7, nothing of it kept.
    local function fails(script, ...)
        s:file("2_x.up.lua", "db:exec('CREATE TABLE half ()')\n" .. script)
        local r = s:expect(7, "up", "--migration-timeout", "20s")
        for _, text in ipairs { "2_x.up.lua:2", ... } do
            assert.matches(text, r.err, 1, true)
        end
        assert.is_false(s:has("half"))
        assert.equal("1", s:applied())
        return r.err
    end

    it("stands beside SQL: runs in one transaction with its row, up and down #server", function()
        s:files {
            ["2_names.up.lua"] = "local n = db:exec('UPDATE users SET name = upper(name)')\n"
                .. "log.info('%d names of %s, attempt %d', n, migration.name, migration.attempt)",
            ["2_names.down.lua"] = "db:exec('UPDATE users SET name = lower(name)')",
            ["3_after.up.sql"] = "INSERT INTO users VALUES (6, 'x')",
        }
        local r = s:expect(0, "up")
        assert.matches("2_names: 5 names of names, attempt 1", r.err, 1, true)
        assert.equal("1,2,3", s:applied())
        assert.equal("N1", s:sql("SELECT name FROM users WHERE id = 1"))
        assert.equal("lua|db:exec('UPDATE users SET name = lower(name)')", s:sql(
            "SELECT down_kind, down_text FROM luamig.applied_migrations_history WHERE version = 2"))
        s:remove("3_after.up.sql")
        s:remove("2_names.up.lua")
        s:remove("2_names.down.lua")
        s:sql("DELETE FROM luamig.applied_migrations WHERE version = 3")
        s:expect(0, "down")
        assert.equal("n1", s:sql("SELECT name FROM users WHERE id = 1"))
        assert.equal("1", s:applied())
    end)

    it("may have an SQL up and a Lua down, and redo", function()
        s:files { ["2_a.up.sql"] = "CREATE TABLE a ();", ["2_a.down.lua"] = "db:exec 'DROP TABLE a'" }
        s:expect(0, "up")
        s:expect(0, "redo", "2")
        assert.equal("up,down,up", s:sql("SELECT string_agg(action, ',' ORDER BY id)"
            .. " FROM luamig.applied_migrations_history WHERE version = 2"))
    end)

    it("gets every value of PostgreSQL as it is, and back #server", function()
        s:file("2_x.up.lua", [==[
db:exec [[CREATE TABLE v (k text, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, t text,
  c char(3), vc varchar(9), nm name, b bytea, j json, jb jsonb, bo bool, u uuid, ts timestamptz,
  d date, ia int[], ta text[], ba bytea[], na numeric[], ja jsonb[], t2 text[][], e text)]]
db:exec [[INSERT INTO v VALUES ('@in', 32767, -2147483648, 9223372036854775807, 'Infinity', 0.1,
  12345678901234567890.123456789000, E'q"uo\\te', 'ab', 'vc', 'nm', '\x00ff5c27', '{"a": 1.10}', '{"b": [1, null]}',
  true,
  '00000000-0000-0000-0000-000000000001', 'infinity', '4714-11-24 BC', '[0:2]={1,NULL,3}',
  '{a,"b,c","NULL",NULL,"","q\"x","back\\\\slash"}', ARRAY['\x00'::bytea, NULL], '{1.50,NaN}',
  ARRAY['{"x": "y"}'::jsonb], '{{a,b},{"c d",NULL}}', '')]]
db:exec [[INSERT INTO v (k, f8, i8) VALUES ('@nan', 'NaN', -9223372036854775808)]]
db:exec [[INSERT INTO v (k, f8, i8) VALUES ('@small', 5e-324, 0), ('@big', 1.7976931348623157e308, 1)]]
local columns = {}
for _, c in ipairs(db:query [[SELECT attname::text AS n FROM pg_attribute
    WHERE attrelid = 'v'::regclass AND attnum > 1 ORDER BY attnum]]) do
  columns[#columns + 1] = c.n
end
for _, row in ipairs(db:query "SELECT * FROM v") do
  db:exec("INSERT INTO v (k) VALUES ($1)", row.k .. "2")
  for _, c in ipairs(columns) do
    local value = row[c]
    if c == "b" and value then value = bytea(value) end
    if c == "ba" and value then value = array { bytea(value[1]), null } end
    db:exec("UPDATE v SET " .. db:quote_ident(c) .. " = $1 WHERE k = $2", value, row.k .. "2")
  end
end
local r = db:one "SELECT * FROM v WHERE k = '@in'"
assert(r.i8 == math.maxinteger and math.type(r.i8) == "integer")
assert(r.f4 == 1 / 0 and r.f8 == 0.1 and r.n == "12345678901234567890.123456789000")
assert(r.b == "\0\xff\\'" and r.bo == true and r.e == "" and r.c == "ab ")
assert(r.ia.bounds == "[0:2]" and r.ia[1] == 1 and r.ia[2] == null and r.ta[3] == "NULL" and r.ta[4] == null)
assert(r.t2[2][1] == "c d" and r.t2[2][2] == null and r.na[2] == "NaN" and r.ba[1] == "\0")
assert(db:value "SELECT 'NaN'::float8" ~= db:value "SELECT 'NaN'::float8")
assert(db:value("SELECT $1::numeric::text", 0.1) == "0.1")
assert(db:value("SELECT $1::int + 1", 3.0) == 4)
assert(db:value("SELECT $1::uuid = '00000000-0000-0000-0000-000000000001'", r.u))
assert(db:value("SELECT count(*) FROM v WHERE k = '@in' AND $1::text IS NULL", null) == 1)
assert(#db:value "SELECT '{}'::int[]" == 0)
]==])
        s:expect(0, "up")
        assert.equal("0", s:sql("SELECT count(*) FROM v x JOIN v y ON y.k = x.k || '2' WHERE"
            .. " replace(y::text, y.k, '') IS DISTINCT FROM replace(x::text, x.k, '')"))
        assert.equal("8", s:sql("SELECT count(*) FROM v"))
    end)

    it("reads with a cursor in constant memory while it writes #server", function()
        s:file("2_x.up.lua", [[
local seen = 0
for row in db:rows("SELECT i FROM generate_series(1, $1::int) i", 20000) do
  seen = seen + row.i
  if row.i % 1000 == 0 then db:exec("INSERT INTO users VALUES ($1)", row.i) end
end
assert(seen == 20000 * 20001 // 2)
for row in db:rows "SELECT 1 AS one" do break end
local ok, err = db:try(function()
  for row in db:rows "SELECT i FROM generate_series(1, 10) i" do error "in the loop" end
end)
assert(not ok and err.message == "in the loop" and err.where:match "2_x.up.lua:9$", err.where)
for _ in db:rows "SELECT 1 WHERE false" do error "no rows" end
assert(db:value "SELECT count(*) FROM pg_cursors WHERE name <> ''" == 0)
]])
        s:expect(0, "up")
        assert.equal("20", s:sql("SELECT count(*) FROM users WHERE id >= 1000"))
        s:file("3_big.up.lua", "local n = 0 for _ in db:rows 'SELECT i, repeat(i::text, 30) t FROM"
            .. " generate_series(1, 300000) i' do n = n + 1 end assert(n == 300000)")
        s:expect(0, "up", "--memory", "16MiB")
    end)

    it("goes on behind an error with db:try, and rolls back with db:transaction #server", function()
        s:file("2_x.up.lua", [[
local ok, a, b = db:try(function(x) return x, 2 end, 1)
assert(ok and a == 1 and b == 2)
local ok, err = db:try(function()
  db:exec "INSERT INTO users VALUES (10)"
  db:exec "INSERT INTO users VALUES (1)"
end)
assert(not ok and err.sqlstate == "23505" and err.detail:match "already exists", err)
assert(tostring(err) == err.message and err.hint == "" and err.where:match "2_x.up.lua:5$")
assert(db:value "SELECT count(*) FROM users" == 5)
local caught, message = pcall(db.transaction, db, function()
  db:exec "INSERT INTO users VALUES (11)"
  error { message = "mine" }
end)
assert(not caught and message.message == "mine")
assert(db:transaction(function()
  db:try(function() db:exec "SELECT 1/0" end)
  db:exec "INSERT INTO users VALUES (12)"
  return "kept"
end) == "kept")
local ok, err = db:try(function() pcall(function() db:exec "SELECT 1/0" end) end)
assert(not ok and err.sqlstate == "22012")
]])
        s:expect(0, "up")
        assert.equal("12", s:sql("SELECT string_agg(id::text, ',') FROM users WHERE id > 5"))
    end)

    it("has vars, lib/, files and json", function()
        os.execute("mkdir " .. s.dir .. "/migrations/lib")
        s:files {
            ["migrations/lib/phone.lua"] = "local phone = {} function phone.clean(t) return"
                .. " (t:gsub('%D', '')) end return phone",
            ["migrations/lib/bad.lua"] = "\nlocal M = {}\nfunction M.fail() error 'bad' end\nreturn M",
            ["migrations/names.csv"] = "1,ann\r\n2,bob\n3,eve",
            ["2_x.up.lua"] = [[
local phone = require "phone"
assert(phone == require "phone" and phone.clean "+43 1" == "431")
for line in files.lines "names.csv" do
  local id, name = line:match "^(%d+),(%a+)$"
  db:exec("UPDATE users SET name = $1 WHERE id = $2", name .. vars.SUFFIX, id)
end
assert(files.read "names.csv" == "1,ann\r\n2,bob\n3,eve")
assert(vars("TENANT", "none") == "7" and vars("NOT", "none") == "none")
local doc = json.decode '{"a": [], "b": {}, "c": null, "n": 1.10}'
assert(json.encode(doc) == '{"a":[],"b":{},"c":null,"n":1.1}', json.encode(doc))
assert(doc.c == null and db:value("SELECT $1::jsonb -> 'a' = '[]'", json.encode(doc)))
]],
            ["luamig.lua"] = "return { vars = { SUFFIX = '!', TENANT = 'x' } }",
        }
        os.execute("mv " .. s.dir .. "/migrations/luamig.lua " .. s.dir)
        s:expect(0, "up", "--set", "TENANT=7")
        assert.equal("ann!,bob!,eve!", s:sql("SELECT string_agg(name, ',' ORDER BY id) FROM users WHERE id < 4"))
        s:file("3_x.up.lua", "require('bad').fail()")
        assert.matches("error: bad\n  migrations/lib/bad.lua:3\n.-called from migrations/3_x.up.lua:1",
            s:expect(7, "up").err)
        assert.matches("'1x=2' is no NAME=VALUE", s:expect(2, "up", "--set", "1x=2").err)
    end)

    it("may begin with a BOM, as its modules, hooks.lua and luamig.lua may", function()
        os.execute("mkdir " .. s.dir .. "/migrations/lib")
        for name, text in pairs {
            ["./luamig.lua"] = "return { vars = { ONE = 'one' } }",
            ["migrations/lib/one.lua"] = "return 'one'",
            ["2_x.up.lua"] = "assert(require 'one' == vars.ONE)",
            ["hooks.lua"] = "assert(require 'one' == vars.ONE) return {}",
        } do
            s:file(name, "\xEF\xBB\xBF" .. text)
        end
        s:expect(0, "up")
    end)

    it("logs, with -v also what is for debugging", function()
        s:file("2_x.up.lua", "log.debug('deep %s', 1) log.info('100%') log.warn('care') print('a', nil)")
        local r = s:expect(0, "up")
        assert.matches("note: 2_x: 100%\nwarning: 2_x: care\nnote: 2_x: a\tnil\n", r.err, 1, true)
        assert.not_matches("deep", r.err)
        s:sql("DELETE FROM luamig.applied_migrations WHERE version = 2")
        assert.matches("deep 1", s:expect(0, "up", "-v").err)
    end)

    describe("that fails is rolled back, with file and line:", function()
        for name, case in pairs {
            ["an error of SQL, with the line in it"] = { "db:exec('UPDATE users\\n   SET nmae = 1')",
                '"nmae" of relation "users" does not exist [42703]', "in its SQL, line 2:8",
                "   SET nmae = 1\n        |        ^" },
            ["error()"] = { "error('x')", "error: x\n" },
            ["error() with a table"] = { "error({ message = 'mine' })", "error: mine\n" },
            ["error() with nothing to say"] = { "error({})", "a table without a field 'message'" },
            ["an error in a log's format"] = { "log.info('%d', 'x')", "error: bad argument #1 to 'format'" },
            ["an error of a coroutine that was resumed"] = { "local _, e = coroutine.resume(coroutine.create(function()"
                .. " db:exec('SELECT 1/0') end)) error(e)", "[22012]" },
            ["an error in a coroutine"] = { "coroutine.wrap(function() error('deep') end)()", "error: deep\n" },
            ["a swallowed SQL error"] = { "pcall(db.exec, db, 'SELECT 1/0')", "[22012]", "db:try(fn)" },
            ["a statement behind a swallowed one"] = { "if not pcall(db.exec, db, 'SELECT 1/0') then"
                .. " db:exec('SELECT 1') end",
                "the transaction is dead" },
            ["memory without end"] = { "local t, x = {}, ('x'):rep(10000) while true do t[#t + 1] = x .. #t end",
                "not enough memory", "512 MiB" },
            ["one huge string"] = { "local x = ('x'):rep(2^30)", "not enough memory" },
            ["recursion without end"] = { "local function f(n) return 1 + f(n) end f(1)", "stack overflow" },
            ["COMMIT"] = { "db:exec('/* a */ COMMIT')", "COMMIT through db:exec is refused", "db:transaction(fn)" },
            ["BEGIN among others"] = { "db:exec('SELECT 1; BEGIN')", "BEGIN through db:exec is refused" },
            ["SAVEPOINT"] = { "db:query('SAVEPOINT a')", "SAVEPOINT through db:query is refused", "db:try(fn)" },
            ["two statements with arguments"] = { "db:exec('SELECT $1; SELECT 1', 1)", "2 statements in"
                .. " one db:exec with arguments" },
            ["$1 in DDL"] = { "db:exec('CREATE TABLE z (a int DEFAULT $1)', 1)", "db:quote_literal" },
            ["too few arguments"] = { "db:exec('SELECT $1, $2', 1)", "was given 1 arguments" },
            ["a table as argument"] = { "db:exec('SELECT $1', {})", "wrap it in array{...} or json.encode" },
            ["a function as argument"] = { "db:exec('SELECT $1', print)",
                "is nothing that PostgreSQL has a value for" },
            ["an array with a hole"] = { "db:exec('SELECT $1::int[]', array { [2] = 1 })", "write null for NULL" },
            ["a zero byte"] = { "db:exec('SELECT $1::text', 'a\\0b')", "bytea(s)" },
            ["a misspelled column"] = { "print(db:one('SELECT 1 AS id').di)", "no column 'di'", "it has id" },
            ["two columns of one name"] = { "db:query('SELECT 1 a, 2 a')", "two columns are named 'a'" },
            ["two rows for one"] = { "db:one('SELECT * FROM users')", "5 rows where at most one" },
            ["two rows for a value"] = { "db:value('SELECT id FROM users')", "use db:query" },
            ["two columns for a value"] = { "db:value('SELECT 1, 2')", "2 columns where one" },
            ["no columns"] = { "db:query('CREATE TABLE z ()')", "use db:exec" },
            ["COPY"] = { "db:exec('COPY users FROM STDIN')", "COPY FROM STDIN through db:exec is refused" },
            ["client_encoding"] = { "db:exec('SET client_encoding = latin1')", "client_encoding" },
            ["VACUUM"] = { "db:exec('VACUUM users')", "[25001]", "-- luamig: no-transaction" },
            ["a procedure that commits"] = { "db:exec('DO $$ BEGIN COMMIT; END $$')", "[2D000]" },
            ["db:step"] = { "db:step('a', function() end)", "-- luamig: no-transaction" },
            ["an unended string"] = { "db:exec(\"SELECT 'abc\")", "unterminated string", "in its SQL, line 1:8" },
            ["a method that is not there"] = { "db:exce('SELECT 1')", "db has no method 'exce'" },
            ["io"] = { "io.open('x')", "global 'io'" },
            ["os.execute"] = { "os.execute('true')", "field 'execute'" },
            ["debug"] = { "debug.sethook()", "global 'debug'" },
            ["bytecode"] = { "load('\\27Lua')()", "nil value" },
            ["string.dump"] = { "print((''):dump())", "method 'dump'" },
            ["a finalizer"] = { "setmetatable({}, { __gc = print })", "__gc is not available" },
            ["the string metatable"] = { "getmetatable('').__index = {}", "nil value" },
            ["the error metatable"] = { "local _, e = db:try(error) getmetatable(e).__index = 1", "index" },
            ["require of a path"] = { "require '../x'", "is no module name" },
            ["require of nothing"] = { "require 'nothing'", "no migrations/lib/nothing.lua" },
            ["files outside"] = { "files.read('../luamig.err')", "outside of the script's folder" },
            ["an absolute file"] = { "files.lines('/etc/passwd')", "not relative" },
            ["an unset variable"] = { "print(vars.NOPE)", "--set NOPE=VALUE" },
            ["JSON that is none"] = { "json.decode('{')", "json.decode" },
        } do
            it(name, function()
                s:file("luamig.err", "")
                os.execute("touch " .. s.dir .. "/luamig.err")
                fails(table.unpack(case))
            end)
        end
    end)

    it("shows the frames of Lua that led to an error, and no others", function()
        local err = fails("local function f() db:exec('SELECT 1/0') end local function g()\n"
            .. "f() end\ng()", "[22012]", "called from migrations/2_x.up.lua:3, migrations/2_x.up.lua:4")
        assert.not_matches("[C]", err, 1, true)
        assert.not_matches("lua/luamig", err, 1, true)
    end)

    it("is stopped by a limit in an endless loop, also in one of pcall", function()
        for _, script in ipairs { "while true do end", "while true do pcall(function() while true do end end) end",
            "while true do pcall(coroutine.wrap(function() while true do end end)) end",
            "local ok, e = db:try(function() while true do end end) db:exec('SELECT 1')" } do
            s:file("2_x.up.lua", "db:exec('CREATE TABLE half ()')\n" .. script)
            assert.matches("migration_timeout = 300ms was reached.-2_x.up.lua:2",
                s:expect(10, "up", "--migration-timeout", "300ms").err)
            assert.is_false(s:has("half"))
        end
        assert.equal("0", s:backends("application_name ~ '^luamig'"))
    end)

    it("is stopped by a signal in a loop; by a second one in a pattern that never ends", function()
        s:file("2_x.up.lua", "log.info('begun') while true do pcall(function() while true do end end) end")
        local p = s:start("up")
        p:says("begun")
        p:kill("TERM")
        assert.equal(143, p:wait(5).status)
        s:file("2_x.up.lua", "db:exec('LOCK users') log.info('begun') string.find(('a'):rep(40),"
            .. " ('a*'):rep(40) .. 'b')")
        p = s:start("up")
        p:says("begun")
        p:kill("TERM")
        support.sleep(0.3)
        p:kill("TERM")
        assert.equal(143, p:wait(5).status)
        assert.equal("f", s:sql("BEGIN; SET LOCAL lock_timeout = '5s'; LOCK users; SELECT false; COMMIT"))
        assert.equal("1", s:applied())
    end)

    it("says so when it uses what has ended", function()
        s:file("2_x.up.lua", [[
local next
db:try(function() next = db:rows("SELECT 1 AS a") error("back") end)
next()]])
        assert.matches("a cursor is used after its end.-2_x.up.lua:3", s:expect(7, "up").err)
    end)

    it("that is blank is applied", function()
        s:file("2_x.up.lua", "")
        s:expect(0, "up")
        assert.equal("1,2", s:applied())
    end)

    it("with a BOM and CRLF is read", function()
        s:file("2_x.up.lua", "\xEF\xBB\xBF-- luamig: timeout=1m\r\ndb:exec('CREATE TABLE z ()')\r\n")
        s:expect(0, "up")
        assert.is_true(s:has("z"))
    end)
end)
