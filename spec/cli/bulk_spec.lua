local support = require "support"

describe("many rows in a Lua migration: #server", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, name text, tags text[], n numeric, at timestamptz,"
            .. " doc jsonb, raw bytea, len int GENERATED ALWAYS AS (length(name)) STORED);"
            .. " CREATE TYPE mood AS ENUM ('ok', 'bad'); CREATE DOMAIN score AS int CHECK (VALUE < 100);"
            .. " CREATE TABLE \"Odd\" (\"a b\" int PRIMARY KEY, m mood, s score, grid int[][])")
    end)
    after_each(support.cleanup)

    local function fails(script, text)
        s:file("2_x.up.lua", script)
        local err = s:expect(7, "up").err
        assert.matches(text, err, 1, true)
        assert.matches("2_x.up.lua:", err, 1, true)
        assert.equal("1", s:applied())
    end

    it("db:copy_in writes every value as it is, from an array or an iterator that uses db", function()
        s:file("2_x.up.lua", [[
assert(db:copy_in { "t", columns = { "id", "name", "tags", "raw", "doc" }, rows = {
  { 1, "tab\there\nnew\\line\r", array { "a,b", null, "\"" }, bytea "\0\\", json.encode { a = "\n" } },
  { 2, "", null, nil, null },
} } == 2)
local i = 2
assert(db:copy_in { table = "public.t", columns = { "id", "name" }, rows = function()
  i = i + 1
  if i <= 30000 then return { i, "name " .. db:value("SELECT $1::int", i) } end
end } == 29998)
assert(db:copy_in { "t", rows = { { 30001, "x", null, 1.5, "2024-01-01", null, null } } } == 1)
assert(db:copy_in { '"Odd"', columns = { "a b", "m" }, rows = { { 1, "ok" } } } == 1)
assert(db:copy_in { "t", columns = { "id" }, rows = {} } == 0)
]])
        s:expect(0, "up", "--memory", "16MiB")
        assert.equal("tab\there\nnew\\line\r|{\"a,b\",NULL,\"\\\"\"}|\\x005c|{\"a\": \"\\n\"}",
            (s:sql("SELECT name, tags, raw, doc FROM t WHERE id = 1")))
        assert.equal("30001|t|f", s:sql("SELECT count(*), bool_or(name = ''), bool_or(id = 2 AND name IS NULL) FROM t"))
    end)

    it("db:copy_in leaves CSV to the server", function()
        s:file("rows.csv", "id,name\n1,\"a,\"\"b\"\"\"\n2,-\n3,\n")
        s:file("2_x.up.lua", [[
assert(db:copy_in { "t", columns = { "id", "name" }, csv = "rows.csv", header = true, null = "-" } == 3)]])
        s:expect(0, "up")
        assert.equal("1|a,\"b\"|f\n2||t\n3||f", s:sql("SELECT id, name, name IS NULL FROM t ORDER BY id"))
    end)

    it("db:copy_out reads rows as texts; break and errors close it, nothing is lost", function()
        s:file("2_x.up.lua", [[
db:exec "INSERT INTO t (id, name, n) VALUES (1, 'a\tb\\c\n', 1.50), (2, NULL, NULL)"
local seen = {}
for row in db:copy_out "SELECT id, name, n FROM t ORDER BY id" do seen[#seen + 1] = row end
assert(#seen == 2 and seen[1][1] == "1" and seen[1][2] == "a\tb\\c\n" and seen[1][3] == "1.50")
assert(seen[2][2] == null and seen[2][3] == null)
for row in db:copy_out "SELECT i, repeat('x', 1000) FROM generate_series(1, 1000000) i" do
  if row[1] == "3" then break end
end
assert(db:value "SELECT count(*) FROM t" == 2)
local ok, err = db:try(function() for row in db:copy_out "SELECT 1" do db:exec "SELECT 1" end end)
assert(not ok and err.message:match "inside of a db:copy_out loop", err)
local ok, err = pcall(function() for row in db:copy_out "SELECT 1" do error "mine" end end)
assert(not ok and db:value "SELECT 1" == 1)
]])
        s:expect(0, "up", "--memory", "16MiB")
    end)

    it("db:update_many cuts nothing to the length of a type's name", function()
        s:file("2_x.up.lua", [[
db:exec "CREATE TABLE c (id int PRIMARY KEY, c char(5), bits bit(3), v varchar(3))"
db:exec "INSERT INTO c VALUES (1)"
assert(db:update_many { "c", key = "id", set = { "c", "bits" }, rows = { { id = 1, c = "abc", bits = "101" } } } == 1)
local ok, err = db:try(db.update_many, db, { "c", key = "id", set = "v", rows = { { id = 1, v = "abcd" } } })
assert(not ok and err.sqlstate == "22001", err)]])
        s:expect(0, "up")
        assert.equal("abc  |101", s:sql("SELECT c, bits FROM c"))
    end)

    it("db:update_many writes sets of rows, with the column's own types", function()
        s:file("2_x.up.lua", [[
db:exec "INSERT INTO t (id, name) SELECT i, 'n' FROM generate_series(1, 25000) i"
local i = 0
assert(db:update_many { "t", key = "id", set = { "name", "tags", "at", "doc", "raw", "n" }, rows = function()
  i = i + 1
  if i > 25000 then return nil end
  return { id = i, name = "name " .. i, tags = array { "t" .. i, null }, at = "2024-02-03", doc = '{"i": 1}',
    raw = bytea "\0", n = "1.10" }
end } == 25000)
local two = { { id = 1, name = null }, { id = 99999, name = "x" } }
assert(db:update_many { "t", key = "id", set = "name", rows = two } == 1)
db:exec [=[INSERT INTO "Odd" VALUES (1), (2)]=]
assert(db:update_many { '"Odd"', key = { "a b" }, set = { "m", "s", "grid" },
  rows = { { ["a b"] = 1, m = "bad", s = 7, grid = array { array { 1, 2 }, array { 3, 4 } } } } } == 1)
local read = db:query "SELECT id, name, n FROM t WHERE id < 3 ORDER BY id"
assert(db:update_many { "t", key = "id", set = { "name", "n" }, rows = read } == 2)
]])
        s:expect(0, "up")
        assert.equal("25000", s:sql("SELECT count(*) FROM t WHERE tags[1] = 't' || id AND n::text = '1.10'"
            .. " AND raw = '\\x00'"))
        assert.equal("1|bad|7|{{1,2},{3,4}}\n2|||", s:sql("SELECT * FROM \"Odd\" ORDER BY 1"))
    end)

    for name, case in pairs {
        ["no table"] = { "db:copy_in { 'nowhere', rows = {} }", 'relation "nowhere" does not exist' },
        ["no rows"] = { "db:copy_in { 't' }", "give rows, an array or an iterator, or csv" },
        ["too many values"] = { "db:copy_in { 't', columns = { 'id' }, rows = { { 1, 2 } } }",
            "row 1 has more than 1 values" },
        ["a wrong value"] = { "db:copy_in { 't', columns = { 'id' }, rows = { { 1 }, { {} } } }",
            "row 2, value 1 is a table" },
        ["what the server refuses"] = { "db:copy_in { 't', columns = { 'id' }, rows = { { 'x' } } }", "[22P02]" },
        ["a file outside"] = { "db:copy_in { 't', csv = '../luamig.csv' }", "cannot read '../luamig.csv'" },
        ["a row that is none"] = { "db:update_many { 't', key = 'id', set = 'name', rows = { 1 } }",
            "row 1 is no table" },
        ["an unknown column"] = { "db:update_many { 't', key = 'id', set = 'nmae', rows = {} }", "no column 'nmae'" },
        ["a missing value"] = { "db:update_many { 't', key = 'id', set = 'name', rows = { { id = 1 } } }",
            "row 1 has no 'name': write null" },
        ["no key"] = { "db:update_many { 't', set = 'name', rows = {} }", "give key" },
        ["a key twice"] = { "db:exec 'INSERT INTO t VALUES (1)' db:update_many { 't', key = 'id', set = 'name',"
            .. " rows = { { id = 1, name = 'a' }, { id = 1, name = 'b' } } }", "a key stands twice" },
        ["a generated column"] = { "db:update_many { 't', key = 'id', set = 'len', rows = { { id = 1, len = 1"
            .. " } } }", "can only be updated to DEFAULT" },
        ["a query that fails"] = { "for r in db:copy_out 'SELECT 1/0' do end", "[22012]" },
    } do
        it("refused: " .. name, function() fails(case[1], case[2]) end)
    end

    it("need a transaction", function()
        s:file("2_x.up.lua", "-- luamig: no-transaction\ndb:copy_in { 't', rows = {} }")
        assert.matches("db:copy_in needs a transaction", s:expect(7, "up").err)
    end)
end)
