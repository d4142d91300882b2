local support = require "support"

describe("a Lua migration without a transaction", function()
    local s
    local head = "-- luamig: no-transaction\n"
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE seen (n int); CREATE TABLE a (id int);"
            .. "INSERT INTO a SELECT generate_series(1, 1000)")
    end)
    after_each(support.cleanup)

    it("runs step by step, and a later run skips what is recorded", function()
        s:file("2_x.up.lua", head .. [[
db:step("one", function() db:exec "INSERT INTO seen VALUES (1)" end)
db:exec "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id)"
db:step("two", function() db:exec "INSERT INTO seen VALUES (2)" end)
db:step("three", function() db:exec "INSERT INTO seen VALUES (3)" if vars("GO", "") == "" then error "stop" end end)
log.info("mode %s", migration.mode)]])
        local r = s:expect(7, "up")
        assert.matches("error: stop\n  migrations/2_x.up.lua:5", r.err, 1, true)
        assert.matches("what was done of 2 is recorded", r.err, 1, true)
        assert.equal("1,2", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM seen"))
        assert.equal("1|one|done\n2|two|done",
            s:sql("SELECT n, name, state FROM luamig.applied_migrations_steps ORDER BY n"))
        assert.matches("2 +partial +x", s:expect(0, "status").out)
        assert.matches("mode no%-transaction", s:expect(0, "up", "--set", "GO=1").err)
        assert.equal("1,2,3", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM seen"))
        assert.equal("1,2", s:applied())
        assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_steps"))
    end)

    it("is undone step by step, too", function()
        s:files { ["2_x.up.sql"] = "INSERT INTO seen VALUES (2)", ["2_x.down.lua"] = head
            .. "db:step('a', function() db:exec 'DELETE FROM seen' end) db:exec 'VACUUM seen'" }
        s:expect(0, "up")
        s:expect(0, "down")
        assert.equal("0", s:sql("SELECT count(*) FROM seen"))
        assert.equal("1", s:applied())
    end)

    it("has transactions of its own, rolled back by errors", function()
        s:file("2_x.up.lua", head .. [[
assert(db:transaction(function(n) db:exec("INSERT INTO seen VALUES ($1)", n) return n end, 1) == 1)
local ok, err = db:try(function() db:exec "INSERT INTO seen VALUES (2)" error "no" end)
assert(not ok and err.message == "no")
db:exec "INSERT INTO seen VALUES (3); INSERT INTO seen VALUES (4)"
assert(not pcall(db.exec, db, "INSERT INTO nowhere VALUES (5)"))
assert(db:value "SELECT count(*) FROM seen" == 3)
db:transaction(function()
  for row in db:rows "SELECT n FROM seen" do db:exec("UPDATE seen SET n = n * 10 WHERE n = $1", row.n) end
  db:try(function() db:exec "SELECT 1/0" end)
end)
db:exec "DO $$ BEGIN INSERT INTO seen VALUES (6); COMMIT; END $$"
]])
        s:expect(0, "up")
        assert.equal("6,10,30,40", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM seen"))
    end)

    it("keeps the script's role and path, and luamig's own statements apart from them", function()
        s:sql("CREATE ROLE " .. s.name .. "; GRANT ALL ON SCHEMA public TO " .. s.name)
        s:file("2_x.up.lua", head .. ([[
db:exec "CREATE SCHEMA other AUTHORIZATION %s; SET search_path = other; SET ROLE %s"
db:step("a", function() db:exec "CREATE TABLE t ()" end)
db:exec "CREATE TABLE u ()"
db:exec "RESET ROLE"
]]):format(s.name, s.name))
        s:expect(0, "up")
        assert.equal(s.name .. "\n" .. s.name,
            s:sql("SELECT tableowner FROM pg_tables WHERE schemaname = 'other'"))
        s:sql("DROP OWNED BY " .. s.name .. "; DROP ROLE " .. s.name)
    end)

    for name, case in pairs {
        ["a step in a step"] = { "db:step('a', function() db:step('b', print) end)", "db:step inside of a step" },
        ["two steps of one name"] = { "local f = error db:try(function() end) pcall(db.step, db, 'a', f)"
            .. " db:step('a', f)", "two steps are named 'a'" },
        ["a step in a transaction"] = { "db:transaction(db.step, db, 'a', print)", "db:step inside of" },
        ["rows outside of a transaction"] = { "for r in db:rows 'SELECT 1' do end", "db:rows needs a transaction" },
        ["VACUUM in a step"] = { "db:step('a', function() db:exec 'VACUUM a' end)", "[25001]" },
        ["COMMIT in a step"] = { "db:step('a', function() db:exec 'COMMIT' end)", "COMMIT through db:exec is refused" },
        ["a deferred constraint at a step's end"] = { "db:exec 'CREATE TABLE d (a int UNIQUE DEFERRABLE"
            .. " INITIALLY DEFERRED)' "
            .. "db:step('a', function() db:exec 'INSERT INTO d VALUES (1), (1)' end)", "[23505]" },
    } do
        it("refuses " .. name, function()
            s:file("2_x.up.lua", head .. case[1])
            local err = s:expect(7, "up").err
            assert.matches(case[2], err, 1, true)
            assert.matches("2_x.up.lua:2", err, 1, true)
            assert.equal("1", s:applied())
            assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_steps"))
        end)
    end

    it("drops the invalid index that a failed build leaves, also one of an earlier run", function()
        s:file("2_x.up.lua", head .. "db:exec 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id)'")
        s:expect(0, "up", "--to", "1")
        s:sql("INSERT INTO a VALUES (1)")
        assert.matches("dropped invalid index", s:expect(7, "up").err)
        assert.equal("0", s:sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
        s:sql("CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)")
        assert.equal("1", s:sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
        s:sql("DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (1)")
        s:expect(0, "up")
        assert.is_true(s:is_valid("a_id"))
    end)

    it("killed in the middle goes on behind the last step", function()
        s:file("2_x.up.lua", head .. [[
db:step("one", function() db:exec "INSERT INTO seen VALUES (1)" end)
db:step("two", function() db:exec "INSERT INTO seen VALUES (2)" log.info("in two")
  if vars("WAIT", "") ~= "" then db:exec "SELECT pg_sleep(30)" end end)]])
        local p = s:start("up", "--set", "WAIT=1")
        p:says("in two")
        p:kill("KILL")
        s:expect(0, "up")
        assert.equal("1,2", s:sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM seen"))
    end)
end)
