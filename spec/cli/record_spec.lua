local support = require "support"

describe("the applied set #server", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 3 do s:file(v .. "_x.up.sql", ("CREATE TABLE IF NOT EXISTS t%d ();"):format(v)) end
    end)
    after_each(support.cleanup)

    it("has four columns and no more", function()
        s:expect(0, "up")
        assert.equal("version bigint not null\nname text not null\napplied_at timestamp with time zone"
            .. " not null\nchecksum text ", s:sql([[
            SELECT attname || ' ' || format_type(atttypid, NULL) || ' '
              || CASE WHEN attnotnull THEN 'not null' ELSE '' END
            FROM pg_attribute WHERE attrelid = 'luamig.applied_migrations'::regclass AND attnum > 0
            ORDER BY attnum]]) .. " ")
    end)

    it("is the truth when rows are deleted, inserted or renamed by hand", function()
        s:expect(0, "up")
        s:sql("DELETE FROM luamig.applied_migrations WHERE version = 2; DROP TABLE t2")
        s:expect(0, "up")
        assert.is_true(s:has("t2"))
        s:file("4_y.up.sql", "CREATE TABLE t4 ();")
        s:sql("INSERT INTO luamig.applied_migrations (version, name) VALUES (4, 'y')")
        assert.matches("up to date", s:expect(0, "up").err)
        assert.is_false(s:has("t4"))
        s:sql("UPDATE luamig.applied_migrations SET name = 'old' WHERE version = 2")
        local r = s:expect(4, "up")
        assert.matches("'old', the file says 'x'", r.err)
        assert.matches("luamig repair 2", r.err)
    end)

    it("finds a file that was renamed, gone or edited", function()
        s:expect(0, "up")
        os.rename(s.dir .. "/migrations/1_x.up.sql", s.dir .. "/migrations/1_z.up.sql")
        s:file("4_new.up.sql", "")
        assert.matches("applied as 'x', the file says 'z'", s:expect(4, "up").err)
        assert.equal("1,2,3", s:applied())
        os.rename(s.dir .. "/migrations/1_z.up.sql", s.dir .. "/migrations/1_x.up.sql")
        s:remove("2_x.up.sql")
        assert.matches("warning: 2_x is applied, but has no file", s:expect(0, "up").err)
        s:file("5_new.up.sql", "")
        s:expect(4, "up", "--orphans", "error")
        s:file("2_x.up.sql", "SELECT 'edited';")
        assert.matches("warning: 2_x was changed after it was applied", s:expect(0, "up").err)
        s:file("6_new.up.sql", "")
        s:expect(4, "up", "--drift", "error")
        s:expect(4, "up", "--strict")
        assert.is_nil(s:expect(0, "up", "--drift", "off").err:find("changed"))
    end)

    it("takes no offence at CRLF or BOM", function()
        s:file("4_lf.up.sql", "CREATE TABLE a ();\nCREATE TABLE b ();\n")
        s:expect(0, "up")
        s:file("4_lf.up.sql", "\xEF\xBB\xBFCREATE TABLE a ();\r\nCREATE TABLE b ();\r\n")
        s:expect(0, "verify")
    end)

    it("is adopted with version int; a version beyond it is exit 4 with the ALTER", function()
        s:sql([[CREATE SCHEMA luamig; CREATE TABLE luamig.applied_migrations (version int PRIMARY KEY,
            name varchar(200) NOT NULL, applied_at timestamptz DEFAULT now(), checksum text, extra text)]])
        s:expect(0, "up")
        s:file("20260520103800_big.up.sql", "")
        local r = s:expect(4, "up")
        assert.matches('ALTER TABLE "luamig"."applied_migrations" ALTER version TYPE bigint', r.err, 1, true)
        assert.equal("1,2,3", s:applied())
    end)

    for name, case in pairs {
        ["name is an int"] = { "version bigint PRIMARY KEY, name int, applied_at timestamptz, checksum text",
            "Column name is no text" },
        ["checksum is missing"] = { "version bigint PRIMARY KEY, name text, applied_at timestamptz",
            "Column checksum is missing" },
        ["a further column is required"] = { "version bigint PRIMARY KEY, name text,"
            .. " applied_at timestamptz, checksum text, must int NOT NULL", "Column must is NOT NULL" },
        ["the key is deferrable"] = { "version bigint PRIMARY KEY DEFERRABLE, name text,"
            .. " applied_at timestamptz, checksum text", "ADD UNIQUE (version)" },
        ["there is no key"] = { "version bigint, name text, applied_at timestamptz, checksum text",
            "ADD UNIQUE (version)" },
    } do
        it("is refused where " .. name, function()
            s:sql("CREATE SCHEMA luamig; CREATE TABLE luamig.applied_migrations (" .. case[1] .. ")")
            assert.matches(case[2], s:expect(4, "up").err, 1, true)
            assert.is_false(s:has("t1"))
        end)
    end

    it("makes its side tables again when they were dropped", function()
        s:expect(0, "up")
        s:sql("DROP TABLE luamig.applied_migrations_history")
        s:file("4_y.up.sql", "")
        s:expect(0, "up")
        assert.equal("1", s:sql("SELECT count(*) FROM luamig.applied_migrations_history"))
        s:expect(0, "history")
    end)

    it("needs no more than CREATE on the schema; without, the commands that help are said", function()
        local role = s.name .. "_app"
        s:sql("CREATE ROLE " .. role .. " LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
            .. "GRANT USAGE, CREATE ON SCHEMA public TO " .. role)
        local env = { LUAMIG_DATABASE = s.url:gsub("user=postgres", "user=" .. role) }
        local r = s:expect(4, "up", { env = env })
        assert.matches("permission denied", r.err)
        assert.matches("GRANT CREATE ON DATABASE", r.err, 1, true)
        assert.matches("CREATE SCHEMA luamig AUTHORIZATION", r.err, 1, true)
        s:sql("CREATE SCHEMA luamig")
        assert.matches("GRANT USAGE ON SCHEMA luamig", s:expect(4, "up", { env = env }).err, 1, true)
        s:sql("GRANT USAGE ON SCHEMA luamig TO " .. role)
        assert.matches("GRANT USAGE, CREATE ON SCHEMA luamig", s:expect(4, "up", { env = env }).err, 1, true)
        s:sql("GRANT CREATE ON SCHEMA luamig TO " .. role)
        s:expect(0, "up", { env = env })
        s:expect(0, "verify", { env = env })
        s:sql("DROP OWNED BY " .. role .. "; DROP ROLE " .. role)
    end)
end)

describe("status, plan, verify and history", function()
    local s
    before_each(function()
        s = support.scratch()
        for v = 1, 3 do s:file(v .. "_x.up.sql", ("CREATE TABLE t%d ();"):format(v)) end
    end)
    after_each(support.cleanup)

    it("create nothing and show pending", function()
        local r = s:expect(0, "status")
        assert.matches("1  pending", r.out, 1, true)
        assert.matches("nothing applied; 3 pending, 0 late\n$", r.out)
        s:expect(3, "status", "--check")
        s:expect(4, "verify")
        s:expect(0, "plan")
        s:expect(0, "history")
        assert.equal("0", s:sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'luamig'"))
    end)

    it("tell the states", function()
        s:expect(0, "up", "--only", "1", "--only", "3")
        s:file("1_x.up.sql", "-- edited")
        s:file("4_y.up.sql", "")
        s:sql("INSERT INTO luamig.applied_migrations (version, name) VALUES (9, 'gone')")
        local d = s:json("status", "--json")
        local states = {}
        for i, m in ipairs(d.migrations) do states[i] = m.version .. m.state end
        assert.same({ "1drift", "2late", "3applied", "4late", "9orphan" }, states)
        assert.same({ 2, 2, 1, 1, 1 }, { d.counts.pending, d.counts.late, d.counts.applied,
            d.counts.drift, d.counts.orphan })
        assert.equal(s.name, d.database.name)
        assert.equal("luamig.applied_migrations", d.table)
        assert.matches("highest applied 9; 2 pending, 2 late\n$", s:expect(0, "status").out)
        local kinds = {}
        for _, p in ipairs(s:json("verify", "--json").problems) do
            kinds[#kinds + 1] = p.level .. p.kind
        end
        table.sort(kinds)
        assert.same({ "errordrift", "errororphan", "errorpending", "errorpending", "notelate" }, kinds)
        local plan = s:json("plan", "--json")
        assert.same({ 2, "transaction", "late" }, { plan.steps[1].version, plan.steps[1].mode,
            plan.steps[1].state })
    end)

    it("wait until none is pending", function()
        s:expect(3, "status", "--wait", "300ms")
        local p = s:start("status", "--wait", "30s")
        s:expect(0, "up")
        local r = p:wait()
        assert.equal(0, r.status)
        s:expect(0, "status", "--check")
        s:expect(0, "verify")
        s:expect(2, "status", "--wait", "soon")
    end)

    it("keep the log of attempts", function()
        s:file("4_bad.up.sql", "SELECT 1/0;")
        s:expect(7, "up")
        local a = s:json("history", "--json", "--limit", "2").attempts
        assert.equal(2, #a)
        assert.same({ "up", 4, "failed", "22012", 1 },
            { a[1].action, a[1].version, a[1].outcome, a[1].sqlstate, a[1].statement })
        assert.matches("division by zero", s:expect(0, "history").out)
        s:expect(2, "history", "--limit", "x")
    end)

    it("name invalid indexes of our migrations as problems, others as notes", function()
        s:file("4_idx.up.sql", "CREATE TABLE d (a int);\nCREATE UNIQUE INDEX CONCURRENTLY d_a ON d (a);")
        s:expect(0, "up")
        s:sql("CREATE TABLE o (a int); CREATE INDEX o_a ON o (a);"
            .. "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('o_a'::regclass, 'd_a'::regclass)")
        local r = s:expect(4, "verify")
        assert.matches("error: index public.d_a on d is invalid", r.err, 1, true)
        assert.matches("note: index public.o_a on o is invalid", r.err, 1, true)
    end)
end)
