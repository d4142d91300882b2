local support = require "support"

describe("statements mode #server", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    local HEAD = "-- luamig: no-transaction\n"

    local function steps()
        return s:sql("SELECT string_agg(n || state, ',' ORDER BY n) FROM luamig.applied_migrations_steps")
    end

    it("keeps what is done of a failed file, and resumes behind it", function()
        s:file("1_a.up.sql", HEAD .. "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nSELECT 1/0;\n"
            .. "INSERT INTO a VALUES (3);")
        local r = s:expect(7, "up")
        assert.matches("1_a.up.sql:4", r.err, 1, true)
        assert.matches("(statement 3 of 4)", r.err, 1, true)
        assert.matches("what was done of 1 is recorded", r.err)
        assert.equal("1done,2done", steps())
        assert.equal("", s:applied())
        assert.equal("partial", s:json("status", "--json").migrations[1].state)
        assert.matches("half done", s:expect(4, "verify").err)
        assert.matches("half done: goes on where it stopped", s:expect(0, "plan").out)
        s:file("1_a.up.sql", HEAD .. "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nSELECT 2;\n"
            .. "INSERT INTO a VALUES (3);")
        s:expect(0, "up")
        assert.equal("1\n3", s:sql("SELECT x FROM a ORDER BY 1"))
        assert.is_nil(steps():find("%d"))
        assert.equal("1", s:applied())
    end)

    it("refuses to resume when a done statement was changed", function()
        s:file("1_a.up.sql", HEAD .. "CREATE TABLE a (x int);\nSELECT 1/0;")
        s:expect(7, "up")
        s:file("1_a.up.sql", HEAD .. "CREATE TABLE b (x int);\nSELECT 1;")
        local r = s:expect(7, "up")
        assert.matches("statement 1 was changed since it ran", r.err)
        assert.matches("luamig repair 1 --statement 1 --done", r.err, 1, true)
    end)

    it("sends session state again on a resume", function()
        s:sql("CREATE SCHEMA other; CREATE TABLE other.t (a int); CREATE TABLE public.t (b int)")
        s:file("1_a.up.sql", HEAD .. "SET search_path = other;\nCREATE INDEX CONCURRENTLY t_1 ON t (a);\n"
            .. "SELECT 1/0;\nCREATE INDEX CONCURRENTLY t_2 ON t (a);")
        s:expect(7, "up")
        s:file("1_a.up.sql", HEAD .. "SET search_path = other;\nCREATE INDEX CONCURRENTLY t_1 ON t (a);\n"
            .. "SELECT 1;\nCREATE INDEX CONCURRENTLY t_2 ON t (a);")
        s:expect(0, "up")
        assert.is_true(s:has("other.t_2"))
    end)

    it("sends again what a done block set for the session, and asks for what it cannot", function()
        s:sql("CREATE SCHEMA other; CREATE TABLE other.t (a int)")
        local head = HEAD .. "BEGIN;\nSET search_path = other;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
        s:file("1_a.up.sql", head .. "SELECT 1/0;\nCREATE INDEX CONCURRENTLY t_a ON t (a);")
        s:expect(7, "up")
        s:file("1_a.up.sql", head .. "SELECT 1;\nCREATE INDEX CONCURRENTLY t_a ON t (a);")
        s:expect(0, "up")
        assert.is_true(s:has("other.t_a"))
        assert.equal("1", s:sql("SELECT count(*) FROM other.t"))
        head = HEAD .. "BEGIN;\nCREATE TEMP TABLE x ();\nCOMMIT;\n"
        s:file("2_b.up.sql", head .. "SELECT 1/0;")
        s:expect(7, "up")
        s:file("2_b.up.sql", head .. "SELECT 1;")
        assert.matches("ended with its session", s:expect(9, "up").err)
    end)

    it("keeps its own rows out of a file's SET ROLE", function()
        local role = s.name .. "_other"
        s:sql("CREATE ROLE " .. role .. "; GRANT ALL ON SCHEMA public TO " .. role)
        s:file("1_a.up.sql", HEAD .. "SET ROLE " .. role .. ";\nCREATE TABLE mine ();\nSET search_path = '';\n"
            .. "CREATE TABLE public.mine2 ();\nRESET ALL;\nCREATE TABLE mine3 ();\nRESET ROLE;\n"
            .. "CREATE TABLE mine4 ();\nSET SESSION AUTHORIZATION " .. role .. ";\nCREATE TABLE mine5 ();")
        s:file("2_b.up.sql", "CREATE TABLE after ();")
        s:expect(0, "up")
        assert.equal(("after|postgres\nmine|%s\nmine2|%s\nmine3|%s\nmine4|postgres\nmine5|%s"):format(role, role,
            role, role), s:sql("SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"))
        s:sql("DROP OWNED BY " .. role .. "; DROP ROLE " .. role)
    end)

    it("takes an explicit block as one unit", function()
        s:file("1_a.up.sql", "CREATE TABLE a (x int);\nVACUUM a;\nBEGIN;\nINSERT INTO a VALUES (1);\n"
            .. "SELECT 1/0;\nCOMMIT;")
        local r = s:expect(7, "up")
        assert.matches("VACUUM in line 2", r.err)
        assert.matches("1_a.up.sql:5", r.err, 1, true)
        assert.equal("0", s:sql("SELECT count(*) FROM a"))
        assert.equal("1done,2done", steps())
        s:file("1_a.up.sql", "CREATE TABLE a (x int);\nVACUUM a;\nBEGIN;\nINSERT INTO a VALUES (1);\n"
            .. "SELECT 1;\nCOMMIT;")
        s:expect(0, "up")
        assert.equal("1", s:sql("SELECT count(*) FROM a"))
    end)

    it("runs what cannot run in a block, and COPY data", function()
        s:file("1_a.up.sql", "CREATE TABLE t (a int);\nCOPY t FROM STDIN;\n1\n2\n\\.\nVACUUM t;\n"
            .. "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\nREINDEX INDEX CONCURRENTLY t_a;\n"
            .. "REINDEX TABLE CONCURRENTLY t;\nDROP INDEX CONCURRENTLY t_a;\nCREATE INDEX CONCURRENTLY ON t (a);\n"
            .. "DISCARD ALL;\nCREATE TABLE done ();")
        s:expect(0, "up")
        assert.equal("2", s:sql("SELECT count(*) FROM t"))
        assert.is_true(s:has("done"))
        assert.equal("t", s:sql("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 't'::regclass"))
    end)

    it("runs a procedure that commits by itself, and asks if it was killed in it", function()
        s:file("1_a.up.sql", "CREATE TABLE t (a int);\nCREATE PROCEDURE p() LANGUAGE plpgsql AS $$\nBEGIN\n"
            .. "  INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2);\nEND $$;")
        s:file("2_b.up.sql", HEAD .. "CALL p();\nDO $$ BEGIN INSERT INTO t VALUES (3); COMMIT; END $$;")
        s:expect(0, "up")
        assert.equal("1,2,3", s:sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"))
        s:file("3_c.up.sql", HEAD .. "DO $$ BEGIN COMMIT; PERFORM pg_sleep(1); END $$;")
        local p = s:start("up")
        support.eventually(function() return steps():find("1started") end)
        p:kill("KILL")
        p:wait()
        local r = s:expect(9, "up")
        assert.matches("whether it finished is not known", r.err)
        assert.matches("luamig repair 3 --statement 1 --done, or --again", r.err, 1, true)
    end)

    it("says what a done temporary table cannot be: brought back", function()
        s:file("1_a.up.sql", HEAD .. "CREATE TEMPORARY TABLE x ();\nSELECT 1/0;")
        s:expect(7, "up")
        s:file("1_a.up.sql", HEAD .. "CREATE TEMPORARY TABLE x ();\nSELECT 1;")
        assert.matches("ended with its session", s:expect(9, "up").err)
    end)

    it("drops the invalid index of a failed build, named or not", function()
        s:sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        for _, text in ipairs { "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);",
            "CREATE UNIQUE INDEX CONCURRENTLY ON t (a);" } do
            s:file("1_a.up.sql", text)
            local r = s:expect(7, "up")
            assert.matches("could not create unique index", r.err)
            assert.matches("dropped invalid index", r.err)
            assert.equal("0", s:sql("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"))
        end
        s:sql("TRUNCATE t")
        s:expect(0, "up")
    end)

    it("does not take what failed for done, and lets it be mended", function()
        s:sql("CREATE TABLE t (a int, b int); CREATE INDEX t_b ON t (a)")
        s:file("1_a.up.sql", "CREATE INDEX CONCURRENTLY t_b ON t (b);")
        for _ = 1, 2 do assert.matches("already exists", s:expect(7, "up").err) end
        s:file("1_a.up.sql", "CREATE INDEX CONCURRENTLY t_bb ON t (b);"):expect(0, "up")
        assert.is_true(s:has("t_bb"))
    end)

    -- A run that was killed in the second statement: its mark is there, its backend is not.
    local function killed_in(text)
        s:file("1_a.up.sql", HEAD .. "SELECT 1;\n" .. text .. ";\nSELECT 1/0;")
        s:expect(7, "up")
        s:sql("UPDATE luamig.applied_migrations_steps SET state = 'started', pid = 0 WHERE n = 2")
        s:file("1_a.up.sql", HEAD .. "SELECT 1;\n" .. text .. ";\nSELECT 1;")
    end

    it("drops what a killed REINDEX left", function()
        s:sql("CREATE TABLE t (a int); CREATE INDEX t_a ON t (a)")
        killed_in("REINDEX INDEX CONCURRENTLY t_a")
        s:sql("CREATE INDEX t_a_ccnew1 ON t (a); UPDATE pg_index SET indisvalid = false"
            .. " WHERE indexrelid = 't_a_ccnew1'::regclass")
        s:expect(0, "up")
        assert.is_false(s:has("t_a_ccnew1"))
        assert.is_true(s:has("t_a"))
    end)

    it("does not take an index of the same name elsewhere for the one of a killed build", function()
        s:sql("CREATE SCHEMA o; CREATE TABLE o.t (a int); CREATE TABLE t (a int)")
        killed_in('CREATE INDEX CONCURRENTLY "t_A" ON o.t (a)')
        s:sql('DROP INDEX o."t_A"; CREATE INDEX "t_A" ON t (a)')
        s:expect(0, "up")
        assert.is_true(s:has('o."t_A"'))
    end)

    -- Neither the index that was there before nor the invalid one that somebody else left is meant.
    local function killed_unnamed()
        s:sql("CREATE TABLE t (a int); CREATE INDEX ON t (a); CREATE INDEX t_a_idx9 ON t (a);"
            .. "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_idx9'::regclass")
        killed_in("CREATE INDEX CONCURRENTLY ON t (a)")
        s:sql("DROP INDEX t_a_idx1; CREATE INDEX ON t (a)")
    end

    local function indexes()
        return s:sql("SELECT string_agg(concat(indexrelid::regclass, ' ', indisvalid), ', '"
            .. " ORDER BY indexrelid::regclass::text)"
            .. " FROM pg_index WHERE indrelid = 't'::regclass")
    end

    it("drops what a killed build without a name left, and nothing else", function()
        killed_unnamed()
        s:sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_idx1'::regclass")
        s:expect(0, "up")
        assert.equal("t_a_idx t, t_a_idx1 t, t_a_idx9 f", indexes())
    end)

    it("does not build again without a name what was built before the kill", function()
        killed_unnamed()
        assert.matches("statement 2: run %x+ had built index t_a_idx1", s:expect(0, "up").err)
        assert.equal("t_a_idx t, t_a_idx1 t, t_a_idx9 f", indexes())
    end)

    it("looks for what was built as the file's role, too", function()
        s:sql("CREATE ROLE " .. s.name .. "; CREATE TABLE t (a int)")
        local head = HEAD .. "SET ROLE " .. s.name .. ";\n"
        s:sql("ALTER TABLE t OWNER TO " .. s.name .. "; GRANT CREATE ON SCHEMA public TO " .. s.name)
        s:file("1_a.up.sql", head .. "CREATE INDEX CONCURRENTLY ON t (a);\nSELECT 1/0;")
        s:expect(7, "up")
        s:sql("UPDATE luamig.applied_migrations_steps SET state = 'started', pid = 0 WHERE n = 2")
        s:file("1_a.up.sql", head .. "CREATE INDEX CONCURRENTLY ON t (a);\nSELECT 1;")
        s:expect(0, "up")
        s:sql("DROP OWNED BY " .. s.name .. "; DROP ROLE " .. s.name)
    end)

    it("asks where it cannot tell which index without a name was built", function()
        killed_unnamed()
        s:sql("CREATE INDEX ON t (a)")
        assert.matches("repair 1 %-%-statement 2 %-%-done, or %-%-again", s:expect(9, "up").err)
    end)

    for name, text in pairs { t_a = "CREATE INDEX CONCURRENTLY t_a ON t (a);",
        t_a_idx = "CREATE INDEX CONCURRENTLY ON t (a);" } do
        it("resumes a build that was killed: the orphan is waited for, the leftover dropped: " .. name, function()
            s:sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            local other = s:session()
            other:sql("BEGIN; INSERT INTO t VALUES (2)")
            s:file("1_a.up.sql", text)
            local first = s:start("up")
            support.eventually(function() return s:has(name) end)
            first:kill("KILL")
            first:wait()
            local second = s:start("up")
            support.sleep(0.5)
            other:sql("COMMIT")
            local r = second:wait()
            assert.equal(0, r.status, r.err)
            assert.is_true(s:is_valid(name))
            assert.equal("1", s:sql("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"))
        end)
    end
end)

describe("CREATE INDEX CONCURRENTLY while seven other instances wait", function()
    after_each(support.cleanup)

    it("20 rounds: index valid, all exit 0, nothing hangs", function()
        local s = support.scratch()
        s:file("001_t.up.sql", "CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g;")
        s:expect(0, "up")
        for round = 1, 20 do
            s:file(("%03d_i.up.sql"):format(round + 1), ("CREATE INDEX CONCURRENTLY t_%d ON t (a);"):format(round))
            s:at_once(8, "up", { seconds = 20 })
        end
        assert.equal("20|t", s:sql("SELECT count(*), bool_and(indisvalid) FROM pg_index"
            .. " WHERE indrelid = 't'::regclass"))
    end)

    it("with progress and blockers shown", function()
        local s = support.scratch()
        s:file("1_t.up.sql", "CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 1000) g;")
        s:expect(0, "up")
        s:file("2_i.up.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a);")
        local other = s:session("slow writer")
        other:sql("BEGIN; INSERT INTO t VALUES (0)")
        local runs = {}
        for i = 1, 8 do runs[i] = s:start("up", "--json") end
        support.eventually(function()
            for i = 1, 8 do
                if runs[i]:out():find("slow writer", 1, true) then return true end
            end
        end, "the blocker's name")
        other:sql("COMMIT")
        for i = 1, 8 do
            local r = runs[i]:wait(20)
            assert.equal(0, r.status, r.err)
        end
        assert.is_true(s:is_valid("t_a"))
    end)
end)
