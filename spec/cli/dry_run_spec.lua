local support = require "support"

describe("luamig dry-run #server", function()
    local s
    before_each(function()
        s = support.scratch()
    end)
    after_each(support.cleanup)

    local function base()
        s:file("1_a.up.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);"
            .. "INSERT INTO users SELECT i, 'n' FROM generate_series(1, 1000) i; CREATE TABLE old ();")
        s:expect(0, "up")
    end

    it("creates nothing on a virgin database, and says first what it does", function()
        s:files { ["1_a.up.sql"] = "CREATE TABLE a ();", ["2_b.up.sql"] = "INSERT INTO a DEFAULT VALUES" }
        local r = s:expect(0, "dry-run")
        assert.matches("takes and holds the locks", r.err)
        assert.matches("tried 1_a  .-\ntried 2_b  .- 1 row\n", r.out)
        assert.matches("2 tried and rolled back, 2 pending", r.err)
        assert.equal("0", s:sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'luamig'"))
        assert.is_false(s:has("a"))
        s:expect(7, "dry-run", "--each")
    end)

    it("shows rows, locks with the table's size, rewrites; dropped tables by name", function()
        base()
        s:files {
            ["2_b.up.sql"] = "ALTER TABLE users ALTER id TYPE bigint; UPDATE users SET name = 'x' WHERE"
                .. " id < 11; DROP TABLE old;",
            ["3_c.up.lua"] = "assert(migration.dry_run) db:exec 'UPDATE users SET name = 1'",
        }
        local r = s:expect(0, "dry-run")
        assert.matches("tried 2_b  %S+ ms, 10 rows\n    AccessExclusiveLock      public.users  %d+ kB  rewritten\n"
            .. "    AccessExclusiveLock      public.old  0 bytes\ntried 3_c  %S+ ms, 1000 rows\n$", r.out)
        assert.matches("tried 3_c  %S+ ms, 1000 rows\n    RowExclusiveLock         public.users",
            s:expect(0, "dry-run", "--each").out)
        local line = s:expect(0, "dry-run", "--json", "--only", "2").out:match("[^\n]*migration_tried[^\n]*")
        local event = support.json.decode(line)
        assert.same({ true, 10, "public.users", "AccessExclusiveLock", true }, { event.executed, event.rows,
            event.locks[1].relation, event.locks[1].mode, event.locks[1].rewritten })
        assert.equal("int4", s:sql("SELECT typname FROM pg_type t JOIN pg_attribute a ON a.atttypid = t.oid"
            .. " WHERE attrelid = 'users'::regclass AND attname = 'id'"))
        assert.equal("1", s:applied())
    end)

    it("fails with 7 where `up` would, and nothing stays", function()
        base()
        s:file("2_b.up.sql", "CREATE TABLE b ();\nSELECT nmae FROM users;")
        local r = s:expect(7, "dry-run")
        assert.matches("2_b.up.sql:2:8", r.err, 1, true)
        assert.matches("everything was rolled back", r.err)
        s:file("2_b.up.sql", "CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO d"
            .. " VALUES (1), (1);")
        assert.matches("[23505]", s:expect(7, "dry-run").err, 1, true)
        s:remove("2_b.up.sql")
        s:file("2_b.up.lua", "db:exec 'CREATE TABLE b ()'\nerror 'no'")
        assert.matches("error: no\n  migrations/2_b.up.lua:2", s:expect(7, "dry-run").err, 1, true)
        s:file("2_b.up.lua", "x = = 1")
        s:expect(4, "dry-run")
        assert.is_false(s:has("b"))
        assert.equal("1", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"))
    end)

    it("lists what cannot run in a transaction as not executed", function()
        base()
        s:files { ["2_b.up.sql"] = "CREATE INDEX CONCURRENTLY i ON users (name);",
            ["3_c.up.lua"] = "-- luamig: no-transaction\nerror 'never'" }
        assert.matches("not executed 2_b.-not executed 3_c", s:expect(0, "dry-run").out)
    end)

    it("says where --each is needed", function()
        base()
        s:files { ["2_b.up.sql"] = "CREATE TYPE mood AS ENUM ('a');", ["3_c.up.sql"] = "ALTER TYPE mood ADD VALUE 'b';",
            ["4_d.up.sql"] = "SELECT 'b'::mood" }
        s:expect(0, "up", "--to", "2")
        assert.matches("4_d: cannot be tried together with those before it; use %-%-each", s:expect(0, "dry-run").err)
    end)

    it("leaves nothing of a file's session to the next", function()
        base()
        s:files {
            ["2_b.up.sql"] = "SET search_path = pg_catalog; SET ROLE pg_monitor; CREATE TEMP TABLE t ();"
                .. " PREPARE p AS SELECT 1;",
            ["3_c.up.sql"] = "CREATE TABLE c (); CREATE TEMP TABLE t (); PREPARE p AS SELECT 1; INSERT"
                .. " INTO users VALUES (0);",
        }
        s:expect(0, "dry-run")
    end)

    it("is stopped by a signal and by a limit", function()
        base()
        s:file("2_b.up.sql", "SELECT pg_sleep(30)")
        assert.matches("migration_timeout", s:expect(10, "dry-run", "--migration-timeout", "200ms").err)
        local p = s:start("dry-run")
        s:sees(support.SLEEPS)
        p:kill("TERM")
        assert.equal(143, p:wait(5).status)
    end)

    it("has nothing to do when nothing is pending", function()
        base()
        assert.matches("up to date", s:expect(0, "dry-run").err)
    end)
end)
