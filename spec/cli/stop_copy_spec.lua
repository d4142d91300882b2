local support = require "support"

-- In the middle of 5 MB, more than any socket holds, the server takes half a minute over a row.
describe("a signal or a time limit", function()
    local s
    before_each(function()
        s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t (a int, b text);"
            .. "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
            .. " AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;"
            .. "CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a = 20000) EXECUTE FUNCTION slow();")
        s:expect(0, "up")
    end)
    after_each(support.cleanup)

    local ROWS, SLOW = {}, "SELECT i, repeat('x', 100), pg_sleep(CASE WHEN i = 20000 THEN 30 ELSE 0 END)"
        .. " FROM generate_series(1, 50000) i"
    for i = 1, 50000 do ROWS[i] = i .. "\t" .. ("x"):rep(100) .. "\n" end
    local DATA = table.concat(ROWS)

    -- The COPY's, while it sleeps.
    local function workers()
        return s:sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            .. " AND query ~ '^COPY' AND wait_event = 'PgSleep'")
    end

    -- Exit status and text; nothing of it stays, in the server neither.
    local function is_stopped(run, status, text, began)
        local r = run:wait(20)
        assert.is_true(support.now() - began < 5, "it took long")
        assert.equal(status, r.status, r.err)
        assert.matches(text, r.err)
        assert.equal("0", workers())
        assert.equal("0", s:sql("SELECT count(*) FROM t"))
        assert.equal("1", s:applied())
        support.eventually(function()
            return s:sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                .. " AND application_name LIKE 'luamig%'") == "0"
        end, "the end of its sessions")
    end

    for where, files in pairs {
        ["COPY FROM STDIN of a file"] = { ["2_c.up.sql"] = "COPY t FROM STDIN;\n" .. DATA .. "\\.\n" },
        ["COPY FROM STDIN of a file without a transaction"] =
            { ["2_c.up.sql"] = "-- luamig: no-transaction\nCOPY t FROM STDIN;\n" .. DATA .. "\\.\n" },
        ["COPY TO STDOUT of a file"] = { ["2_c.up.sql"] = "COPY (" .. SLOW .. ") TO STDOUT;" },
        ["db:copy_in of rows"] = { ["2_c.up.lua"] = "local i = 0\ndb:copy_in { 't', rows = function()\n"
            .. "i = i + 1 return i < 50000 and { i, ('x'):rep(100) } or nil end }" },
        ["db:copy_in of a CSV file"] = { ["2_c.up.lua"] = "db:copy_in { 't', csv = 'rows.csv' }",
            ["rows.csv"] = DATA:gsub("\t", ",") },
        ["db:copy_out"] = { ["2_c.up.lua"] = "for row in db:copy_out [[" .. SLOW .. "]] do row = row[1] end" },
    } do
        it("in " .. where .. " stops it at once, and nothing of it stays", function()
            s:files(files)
            local run = s:start("up")
            support.eventually(function() return workers() == "1" end, "the slow row")
            local began = support.now()
            run:kill("TERM")
            is_stopped(run, 143, "stopped by SIGTERM", began)
            began = support.now()
            is_stopped(s:start("up", "--migration-timeout", "700ms"), 10, "time limit migration_timeout", began)
        end)
    end
end)
