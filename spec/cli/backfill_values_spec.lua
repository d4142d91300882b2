local support = require "support"

describe("a backfill keeps to the last bit", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("keys of every kind under DateStyle = SQL, DMY and extra_float_digits = 0", function()
        s:sql("ALTER DATABASE " .. s.name .. " SET datestyle = 'SQL, DMY'; ALTER DATABASE " .. s.name
            .. " SET extra_float_digits = 0; ALTER DATABASE " .. s.name .. " SET timezone = 'Asia/Kolkata'")
        local kinds = {
            d = { "date", "date '2024-01-25' + i" },
            f = { "float8", "i / 7.0::float8 - 3" },
            r = { "real", "(i / 7.0)::real" },
            tz = { "timestamptz", "'2024-01-25 20:00+00'::timestamptz + i * interval '7h 1.000001s'" },
            ts = { "timestamp", "'2024-01-25'::timestamp + i * interval '7h 1.000001s'" },
            n = { "numeric", "i / 7.0 + 1e30" },
            b = { "bytea", "decode(lpad(to_hex(i), 6, '0'), 'hex')" },
            c = { "char(5)", "lpad(i::text, 4, '0')" },
            i = { "int8", "9223372036854775807 - i" },
            e = { "inet", "'10.0.0.0'::inet + i" },
            l = { "interval", "i * interval '1 day 3h'" },
            v = { "varchar(9)", "chr(39) || chr(92) || chr(34) || i" },
        }
        local setup, script = {}, { "-- luamig: no-transaction", "db:exec \"SET extra_float_digits = 0\"" }
        for name, kind in pairs(kinds) do
            setup[#setup + 1] = ("CREATE TABLE %s (k %s PRIMARY KEY, x int DEFAULT 0); INSERT INTO %s SELECT %s FROM"
                .. " generate_series(1, 300) i;"):format("t_" .. name, kind[1], "t_" .. name, kind[2])
            script[#script + 1] = ([[db:backfill { "%s", table = "t_%s", read = "x", set = "x", size = 37, target = "0",
  map = function(row) return { x = row.x + 1 } end }]]):format(name, name)
        end
        setup[#setup + 1] = "CREATE TABLE w (id int PRIMARY KEY, d date, f float8, f2 float8, tz timestamptz);"
            .. "INSERT INTO w VALUES (1, '2024-04-03', 0.1::float8 + 0.2, NULL, '2024-04-03 12:00:00.123456+00')"
        script[#script + 1] = [[db:backfill { "w", table = "w", read = { "d", "f", "tz" }, set = { "d", "f2", "tz" },
  map = function(row) assert(row.d == "2024-04-03", row.d) return { d = "05/04/2024", f2 = row.f, tz = row.tz } end }]]
        s:file("1_t.up.sql", table.concat(setup, "\n"))
        s:file("2_b.up.lua", table.concat(script, "\n"))
        s:expect(0, "up")
        for name in pairs(kinds) do
            assert.equal(name .. "|300|1|1",
                s:sql(("SELECT '%s', sum(x), min(x), max(x) FROM t_%s"):format(name, name)))
        end
        assert.equal("t|t|t", s:sql("SELECT d = '2024-04-05'::date, f = f2,"
            .. " tz = '2024-04-03 12:00:00.123456+00' FROM w"))
    end)

    it("rows of 1 MB, in less than 64 MB of memory", function()
        local build = os.getenv("LUAMIG_BUILD")
        if build:find "san" then return end
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, doc text, copy text); ALTER TABLE t ALTER doc SET STORAGE EXTERNAL;
INSERT INTO t SELECT i, CASE WHEN i <= 40 THEN 'x' ELSE repeat('\"', 1000000) END FROM generate_series(1, 160) i]])
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[
db:backfill { "b", table = "t", read = "doc", set = "copy", map = function(row) return { copy = row.doc } end }]])
        local result = s:run("up", { shell = build .. "/tests/bench/timed",
            stdin = "/dev/null 3>" .. s.dir .. "/timed" })
        assert.equal(0, result.status, result.err)
        assert.equal("160", s:sql("SELECT count(*) FROM t WHERE copy = doc"))
        local kilobytes = tonumber(s:read("timed"):match(" (%d+)"))
        assert.is_true(kilobytes < 64 * 1024, kilobytes .. " kB")
    end)

    it("keys that come while it walks, up to the third time", function()
        s:file("1_t.up.sql", [[
CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t SELECT i FROM generate_series(1, 300) i;
CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO t SELECT i FROM generate_series(new.id + 1, new.id + 150) i; RETURN NULL; END $$;
CREATE TRIGGER more AFTER UPDATE ON t FOR EACH ROW
  WHEN (new.id = 300 OR new.id = 450 OR new.id = 600 OR new.id = 750 OR new.id = 900) EXECUTE FUNCTION more()]])
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[
db:backfill { "b", table = "t", set = "x", map = function(row) return { x = 1 } end }]])
        s:expect(0, "up")
        assert.equal("750|900", s:sql("SELECT count(x), count(*) FROM t"))
    end)

    it("nothing where there is nothing", function()
        s:file("1_t.up.sql", "CREATE TABLE t (id int PRIMARY KEY, x int)")
        s:file("2_b.up.lua", "-- luamig: no-transaction\n" .. [[
db:backfill { "b", table = "t", set = "x", map = function(row) return { x = 1 } end }
db:backfill { "c", table = "t", sql = "UPDATE t SET x = 1 WHERE {range}" }
db:backfill { "d", table = "t", each = function() error "none" end }]])
        s:expect(0, "up")
    end)
end)
