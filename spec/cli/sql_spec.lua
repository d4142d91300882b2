local support = require "support"

describe("a SQL migration #server", function()
    local s
    before_each(function() s = support.scratch() end)
    after_each(support.cleanup)

    it("may hold what breaks splitters", function()
        local atomic = support.version >= 140000 and [[BEGIN ATOMIC
  SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; SELECT 3;
END;]] or "LANGUAGE sql AS 'SELECT 3';"
        s:file("1_a.up.sql", [[
CREATE TABLE t (x text); -- a ; here, and it's odd
/* ; /* nested ; */ ' */
INSERT INTO t VALUES ('a;b'), ('it''s'), (E'\';'), ($$;$$), ($q$ $$;$$ $q$), (U&'\0041;');
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $fn$ BEGIN RETURN 1; END; $fn$;
CREATE FUNCTION g(a int) RETURNS int ]] .. atomic .. [[

CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT 1; SELECT 2);
;;
INSERT INTO t VALUES ('line
break;')]])
        s:expect(0, "up")
        assert.equal("7", s:sql("SELECT count(*) FROM t"))
        assert.equal("3", s:sql("SELECT g(1)"))
    end)

    it("may hold COPY data and pg_dump's restrict", function()
        s:file("1_a.up.sql", "\\restrict abc\nCREATE TABLE t (a int, b text);\n"
            .. "COPY t (a, b) FROM stdin;\n1\tone; 'x\n2\t\\N\n\\.\n\nINSERT INTO t VALUES (3);\n"
            .. "COPY t TO STDOUT;\n\\unrestrict abc\n")
        s:expect(0, "up")
        assert.equal("1|one; 'x\n2|\n3|", s:sql("SELECT * FROM t ORDER BY 1"))
        s:file("2_b.up.sql", "INSERT INTO t VALUES (9);\nCOPY t FROM STDIN;\nx\ty\n\\.\n")
        local r = s:expect(7, "up")
        assert.matches("invalid input syntax", r.err)
        assert.matches("2_b.up.sql:2", r.err, 1, true)
        assert.equal("3", s:sql("SELECT count(*) FROM t"))
        assert.equal("1", s:applied())
    end)

    for place, text in pairs {
        first = "SELECT 1/0;\nCREATE TABLE x ();\nSELECT 1;",
        middle = "CREATE TABLE x ();\nSELECT 1/0;\nSELECT 1;",
        last = "CREATE TABLE x ();\nSELECT 1;\nSELECT 1/0;",
    } do
        it("that fails in its " .. place .. " statement leaves nothing, earlier ones stay", function()
            s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.sql"] = "", ["3_c.up.sql"] = text,
                ["4_d.up.sql"] = "CREATE TABLE d ();", ["5_e.up.sql"] = "" }
            local r = s:expect(7, "up")
            assert.matches("division by zero %[22012%]", r.err)
            assert.matches("statement %d of 3", r.err)
            assert.matches("2 of 5 pending were applied", r.err)
            assert.equal("1,2", s:applied())
            assert.is_false(s:has("x"))
            assert.is_false(s:has("d"))
            assert.equal("failed|3|22012", s:sql("SELECT outcome, version, sqlstate"
                .. " FROM luamig.applied_migrations_history ORDER BY id DESC LIMIT 1"))
        end)
    end

    it("that fails shows an excerpt with a caret, in characters", function()
        s:file("1_a.up.sql", "-- ü\nSELECT 'üü',\n  nmae FROM pg_class;")
        local r = s:expect(7, "up")
        assert.matches("1_a.up.sql:3:3  (statement 1 of 1)", r.err, 1, true)
        assert.matches("      3 |   nmae FROM pg_class;\n        |   ^", r.err, 1, true)
    end)

    it("that fails without a position shows the statement's first line", function()
        s:file("1_a.up.sql", "CREATE TABLE users (id int);\n\nALTER TABLE users\n  DROP nmae;")
        local r = s:expect(7, "up")
        assert.matches("1_a.up.sql:3  (statement 2 of 2)", r.err, 1, true)
        assert.matches("ALTER TABLE users", r.err)
        assert.is_nil(r.err:find("^", 1, true))
    end)

    it("that fails in a DO block names the body's line", function()
        s:file("1_a.up.sql", "SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1/0;\nEND $$;")
        assert.matches("1_a.up.sql:4", s:expect(7, "up").err, 1, true)
    end)

    it("that violates a constraint names table and constraint", function()
        s:file("1_a.up.sql", "CREATE TABLE t (a int CONSTRAINT positive CHECK (a > 0));\n"
            .. "INSERT INTO t VALUES (-1);")
        assert.matches("table t, constraint positive", s:expect(7, "up").err)
    end)

    it("that is one BEGIN ... COMMIT runs in luamig's transaction, with its modes", function()
        s:file("1_a.up.sql", "-- head\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE iso AS"
            .. " SELECT current_setting('transaction_isolation') AS i;\nSAVEPOINT x;\n"
            .. "ROLLBACK TO x;\nRELEASE x;\nCOMMIT;\n")
        local r = s:expect(0, "up")
        assert.is_nil(r.err:find("statement by statement", 1, true))
        assert.equal("serializable", s:sql("SELECT i FROM iso"))
        s:file("2_b.up.sql", "BEGIN;\nCREATE TABLE gone ();\nSELECT 1/0;\nCOMMIT;")
        assert.matches("2_b.up.sql:3", s:expect(7, "up").err, 1, true)
        assert.is_false(s:has("gone"))
    end)

    it("with a leading SET TRANSACTION has that isolation", function()
        s:file("1_a.up.sql", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\nCREATE TABLE iso AS"
            .. " SELECT current_setting('transaction_isolation') AS i;")
        s:expect(0, "up")
        assert.equal("repeatable read", s:sql("SELECT i FROM iso"))
    end)

    it("with COMMIT or ROLLBACK in the middle runs statement by statement, with a notice", function()
        s:file("1_a.up.sql", "BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();\nBEGIN;\n"
            .. "CREATE TABLE c ();\nROLLBACK;\n;;commit;\nCREATE TABLE d ();")
        local r = s:expect(0, "up")
        assert.matches("statement by statement: transaction control of its own in line 1", r.err)
        assert.matches("line 8: dropped", r.err)
        assert.is_true(s:has("a"))
        assert.is_true(s:has("b"))
        assert.is_false(s:has("c"))
        assert.is_true(s:has("d"))
        assert.equal("0", s:sql("SELECT count(*) FROM luamig.applied_migrations_steps"))
    end)

    it("that adds an enum value and uses it says to write no-transaction", function()
        s:file("1_a.up.sql", "CREATE TYPE e AS ENUM ('a');")
        s:expect(0, "up")
        s:file("2_b.up.sql", "ALTER TYPE e ADD VALUE 'b';\nCREATE TABLE t (x e DEFAULT 'b');\n"
            .. "INSERT INTO t DEFAULT VALUES;")
        local r = s:expect(7, "up")
        assert.matches("55P04", r.err)
        assert.matches("luamig: no-transaction", r.err, 1, true)
        assert.equal("a", s:sql("SELECT string_agg(x::text, ',') FROM unnest(enum_range(NULL::e)) x"))
        s:file("2_b.up.sql", "-- luamig: no-transaction\nALTER TYPE e ADD VALUE 'b';\n"
            .. "CREATE TABLE t (x e DEFAULT 'b');\nINSERT INTO t DEFAULT VALUES;")
        s:expect(0, "up")
        assert.equal("b", s:sql("SELECT x FROM t"))
    end)

    it("leaves no session state to the next one", function()
        s:sql("CREATE ROLE " .. s.name .. "_other; GRANT ALL ON SCHEMA public TO " .. s.name .. "_other")
        s:file("1_a.up.sql", ([[
CREATE SCHEMA other;
CREATE TEMPORARY TABLE pg_class_ (a int);
SET search_path = other, pg_catalog;
SET timezone = 'Asia/Tokyo';
SET lock_timeout = 0;
SET ROLE %s_other;
SELECT set_config('search_path', '', false);
LISTEN something;
PREPARE p AS SELECT 1;
SELECT pg_advisory_lock(42);]]):format(s.name))
        s:file("2_b.up.sql", "SET SESSION AUTHORIZATION " .. s.name .. "_other;")
        s:file("3_c.up.sql", [[
CREATE TABLE state AS SELECT current_setting('search_path') AS path,
  current_setting('timezone') AS zone, current_user AS who, session_user AS who2,
  (SELECT count(*) FROM pg_prepared_statements) AS prepared,
  (SELECT count(*) FROM pg_listening_channels()) AS listening,
  to_regclass('pg_temp.pg_class_') AS temp,
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42) AS locks,
  current_setting('statement_timeout') AS st;]])
        s:expect(0, "up")
        assert.equal('"$user", public|UTC|postgres|postgres|0|0||0|0', s:sql("SELECT * FROM public.state"))
        assert.equal("1,2,3", s:applied())
        s:sql("DROP OWNED BY " .. s.name .. "_other; DROP ROLE " .. s.name .. "_other")
    end)

    it("that takes luamig's own record away is exit 7, nothing done", function()
        s:file("1_a.up.sql", ""):expect(0, "up")
        for name, text in pairs {
            drop = "DROP SCHEMA luamig CASCADE;",
            drop_table = "DROP TABLE luamig.applied_migrations;",
            truncate = "TRUNCATE luamig.applied_migrations;",
            delete = "DELETE FROM luamig.applied_migrations WHERE version = 2;",
        } do
            s:file("2_b.up.sql", "CREATE TABLE x_" .. name .. " ();\n" .. text)
            local r = s:expect(7, "up")
            assert.matches("2_b would drop or empty luamig.applied_migrations; nothing was done", r.err,
                1, true)
            assert.matches("--table", r.err, 1, true)
            assert.equal("1", s:applied())
            assert.is_false(s:has("x_" .. name))
        end
    end)

    it("with an evil search_path or tables named like catalogs is harmless", function()
        s:file("1_a.up.sql", [[
CREATE SCHEMA evil;
CREATE FUNCTION evil.yes(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION evil.no(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.yes);
CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.no);
CREATE TEMPORARY TABLE pg_locks (pid int);
CREATE TEMPORARY TABLE pg_database (oid int);
SET search_path = evil, pg_temp, pg_catalog;]])
        s:file("2_b.up.sql", "CREATE TABLE b ();")
        s:expect(0, "up")
        assert.equal("1,2", s:applied())
        assert.is_true(s:has("public.b"))
    end)

    it("with a deferred constraint that fails at the end is exit 7, nothing stays", function()
        s:file("1_a.up.sql", [[
CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);
INSERT INTO c VALUES (1);]])
        local r = s:expect(7, "up")
        assert.matches("violates foreign key constraint", r.err)
        assert.matches("deferred constraint, checked at the end", r.err)
        assert.matches("1_a.up.sql", r.err, 1, true)
        assert.is_false(s:has("c"))
        assert.equal("", s:applied())
    end)

    it("may itself be a transaction in a string: two statements in one are refused", function()
        s:file("1_a.up.sql", "DO $$ BEGIN EXECUTE 'CREATE TABLE a ()'; END $$;")
        s:expect(0, "up")
        assert.is_true(s:has("a"))
    end)

    it("shows notices with its name", function()
        s:file("1_a.up.sql", "DO $$ BEGIN RAISE NOTICE 'hello %', 1; END $$;")
        assert.matches("1_a: NOTICE: hello 1", s:expect(0, "up").err)
    end)

    it("returns rows that are dropped", function()
        s:file("1_a.up.sql", "SELECT generate_series(1, 100000);\nSELECT 1;")
        s:expect(0, "up")
    end)
end)
