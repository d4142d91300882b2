local backfills = require "backfills"
local support = require "support"

describe("db:backfill is refused", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    local HEAD = "-- luamig: no-transaction\n"
    local MAP = " map = function() return { x = 1 } end }"

    -- Exit 7 with each of the texts; nothing is written, the version stays pending.
    local function refused(table_sql, script, ...)
        s:file("1_t.up.sql", table_sql)
        s:expect(0, "up")
        s:sql("INSERT INTO t (id, x) VALUES (1, 0)") -- where there is such a table
        s:file("2_b.up.lua", script)
        local err = s:expect(7, "up").err
        for _, text in ipairs { ... } do assert.matches(text, err, 1, true) end
        assert.equal("1", s:applied())
        assert.not_equal("1", s:sql("SELECT max(x) FROM t"))
        assert.equal(0, backfills.rows(s))
    end

    local B = HEAD .. "db:backfill { 'b', table = 't', set = 'x',"

    for name, case in pairs {
        ["there is no primary key"] = { "CREATE TABLE t (id int NOT NULL UNIQUE, x int);", B .. MAP,
            "'t' has no primary key", 'Write key = { "id" }' },
        ["there is no key at all"] = { "CREATE TABLE t (id int NOT NULL, x int);", B .. MAP,
            "'t' has no primary key", "CREATE UNIQUE INDEX CONCURRENTLY" },
        ["the index is partial"] = { "CREATE TABLE t (id int NOT NULL, x int);"
            .. " CREATE UNIQUE INDEX i ON t (id) WHERE id > 0;",
            B .. "key = 'id'," .. MAP, "index 'i' is partial" },
        ["the key is deferrable"] = { "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, x int);", B .. MAP,
            "index 't_pkey' is deferrable" },
        ["the index is invalid"] = { "CREATE TABLE t (id int NOT NULL, x int); CREATE UNIQUE INDEX i ON t (id);"
            .. " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;",
            B .. "key = { 'id' }," .. MAP, "index 'i' is invalid" },
        ["the index has expressions"] = { "CREATE TABLE t (id int NOT NULL, x int);"
            .. " CREATE UNIQUE INDEX i ON t (abs(id));",
            B .. "key = 'id'," .. MAP, "'t' has no unique index on what key names" },
        ["the index sorts otherwise"] = { "CREATE TABLE t (id text NOT NULL, x int);"
            .. " CREATE UNIQUE INDEX i ON t (id text_pattern_ops);", B .. "key = 'id'," .. MAP,
            "index 'i' sorts otherwise than its columns" },
        ["the key may be NULL"] = { "CREATE TABLE t (id int UNIQUE, x int);", B .. "key = 'id'," .. MAP,
            "key column 'id' of 't' may be NULL", "ALTER TABLE t ALTER COLUMN id SET NOT NULL;" },
        ["the key is an array"] = { "CREATE TABLE t (id int[] PRIMARY KEY, x int);", B .. MAP,
            "key column 'id' of 't' is of type integer[]" },
        ["the table is absent"] = { "SELECT 1", B .. MAP, 'relation "t" does not exist' },
        ["the table is a view"] = { "CREATE VIEW t AS SELECT 1 AS id, 2 AS x", B .. MAP, "'t' is no table" },
        ["a set column is absent"] = { "CREATE TABLE t (id int PRIMARY KEY);", B .. MAP,
            "'t' has no column 'x', which set names" },
        ["a key column is absent"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);", B .. "key = 'nope'," .. MAP,
            "'t' has no column 'nope', which key names" },
        ["a column of where is absent"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            B .. "where = 'nope > 1'," .. MAP, 'column "nope" does not exist' },
        ["a column of verify is absent"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            B .. "verify = 'nope > 1'," .. MAP, 'column "nope" does not exist' },
        ["a read column is absent"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);", B .. "read = 'nmae'," .. MAP,
            "'t' has no column 'nmae', which read names" },
        ["a set column is generated"] = { "CREATE TABLE t (id int PRIMARY KEY, x int GENERATED ALWAYS AS (1) STORED);",
            B .. MAP, "column 'x' of 't' cannot be set: it is a generated column" },
        ["a set column is an identity"] = { "CREATE TABLE t (id int PRIMARY KEY, x int GENERATED ALWAYS AS IDENTITY);",
            B .. MAP, "it is GENERATED ALWAYS AS IDENTITY" },
        ["a set column is of the key"] = { "CREATE TABLE t (id int, x int, PRIMARY KEY (id, x));", B .. MAP,
            "cannot be set: it belongs to the key" },
        ["a set column is named twice"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            HEAD .. "db:backfill { 'b', table = 't', set = { 'x', 'x' }," .. MAP, "it is named twice" },
        ["the table has children"] = { "CREATE TABLE t (id int PRIMARY KEY, x int); CREATE TABLE c () INHERITS (t);",
            B .. MAP, "'t' has inheritance children", 'Write table = "ONLY t"' },
        ["the file has a transaction"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            "db:backfill { 'b', table = 't', set = 'x'," .. MAP,
            "db:backfill needs `-- luamig: no-transaction` at the top of the file", "2_b.up.lua:1" },
        ["it stands in a step"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            HEAD .. "db:step('s', function() db:backfill { 'b', table = 't', set = 'x'," .. MAP .. " end)",
            "db:backfill inside of a step or transaction" },
        ["it stands in a transaction"] = { "CREATE TABLE t (id int PRIMARY KEY, x int);",
            HEAD .. "db:transaction(function() db:backfill { 'b', table = 't', set = 'x'," .. MAP .. " end)",
            "db:backfill inside of a step or transaction" },
        ["an option is unknown"] = { "CREATE TABLE t (id int PRIMARY KEY, x int)", B .. "wher = 'x'," .. MAP,
            "db:backfill has no option 'wher': did you mean 'where'?" },
        ["it has no name"] = { "SELECT 1", HEAD .. "db:backfill { table = 't' }", "db:backfill has no name" },
        ["it has no table"] = { "SELECT 1", HEAD .. "db:backfill { 'b' }", "db:backfill 'b': table is missing" },
        ["it does nothing"] = { "SELECT 1", HEAD .. "db:backfill { 'b', table = 't' }",
            "give one of map, sql and each" },
        ["set is missing"] = { "SELECT 1", HEAD .. "db:backfill { 'b', table = 't'," .. MAP, "set is missing" },
        ["sql has no range"] = { "SELECT 1", HEAD .. "db:backfill { 'b', table = 't', sql = 'UPDATE t SET x = 1' }",
            "sql has no {range}" },
        ["sql is more than one"] = { "SELECT 1",
            HEAD .. "db:backfill { 'b', table = 't', sql = 'DELETE FROM t WHERE {range}; COMMIT' }",
            "sql is not one statement" },
        ["where stands beside sql"] = { "SELECT 1",
            HEAD .. "db:backfill { 'b', table = 't', where = 'true', sql = 'DELETE FROM t WHERE {range}' }",
            "the statement in sql has its own WHERE" },
        ["a duration is none"] = { "SELECT 1", B .. "target = 250," .. MAP, "target is no duration" },
    } do
        it("where " .. name, function() refused(table.unpack(case)) end)
    end

    it("when two have one name: the first is done, and stays", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 0)")
        s:file("2_b.up.lua", B .. MAP .. B:gsub("^.-\n", "") .. MAP)
        assert.matches("db:backfill: two backfills are named 'b'", s:expect(7, "up").err, 1, true)
        assert.equal("1", s:applied())
        assert.equal("1|done", s:sql("SELECT x, status FROM t, luamig.applied_migrations_backfills"))
    end)

    it("in exec, which keeps no record", function()
        s:file("x.lua", HEAD .. "db:backfill { 'b', table = 't', sql = 'UPDATE t SET x = 1 WHERE {range}' }")
        assert.matches("db:backfill is for migrations", s:expect(7, "exec", "migrations/x.lua").err, 1, true)
    end)

    it("with a pcall that swallows its failure: the migration fails all the same", function()
        refused("CREATE TABLE t (id int PRIMARY KEY, x int)",
            HEAD .. "pcall(function() db:backfill { 'b', table = 't', set = 'x',"
            .. " map = function() error 'no' end } end)",
            "no", "row id = 1 of 't'")
    end)
end)
