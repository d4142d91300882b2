local support = require "support"

describe("the run lock #server", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("is waited for, and the holder is named", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        local other = s:session("the other deploy")
        other:lock()
        local p = s:start("up")
        p:says("held by pid")
        p:says("'the other deploy' as postgres")
        other:unlock()
        assert.equal(0, p:wait().status)
        assert.equal("1", s:applied())
    end)

    it("not had in lock_wait is exit 6, nothing written", function()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
        local other = s:session()
        other:lock()
        local r = s:expect(6, "up", "--lock-wait", "300ms")
        assert.matches("lock_wait = 300ms", r.err)
        assert.is_false(s:has("luamig.applied_migrations"))
    end)

    it("executes nothing while it is held", function()
        s:file("1_a.up.sql", "SELECT pg_sleep(1);")
        local p = s:start("up")
        local query = support.eventually(function()
            local q = s:backends(support.HOLDS_LOCK, "DISTINCT state, query")
            return q ~= "" and q
        end)
        assert.matches("^idle|SELECT CASE WHEN pg_catalog.pg_try_advisory_lock", query)
        assert.equal(0, p:wait().status)
        assert.equal("0", s:backends(support.HOLDS_LOCK))
    end)

    it("none: is warned of, and transactional migrations are still applied once", function()
        s:file("1_a.up.sql", "CREATE TABLE a (); SELECT pg_sleep(0.5);")
        local one, two = s:start("up", "--lock", "none"), s:start("up", "--lock", "none")
        local first, second = one:wait(), two:wait()
        assert.equal(0, first.status, first.err)
        assert.equal(0, second.status, second.err)
        assert.matches("no run lock is taken", first.err)
        assert.equal("1", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"))
    end)

    for _, count in ipairs { 2, 8 } do
        it(count .. " runs at once apply each migration exactly once", function()
            s:file("1_a.up.sql", "CREATE TABLE marks (v int);")
            for v = 2, 6 do s:file(v .. "_x.up.sql", ("INSERT INTO marks VALUES (%d);"):format(v)) end
            s:file("7_i.up.sql", "CREATE INDEX CONCURRENTLY marks_v ON marks (v);")
            s:file("8_x.up.sql", "INSERT INTO marks VALUES (8);")
            s:at_once(count, "up")
            assert.equal("2,3,4,5,6,8", s:marks())
            assert.equal("8", s:sql("SELECT count(*) FROM luamig.applied_migrations"))
            assert.is_true(s:is_valid("marks_v"))
        end)
    end
end)
