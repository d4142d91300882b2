local support = require "support"

-- The only file that may start the standby: there is one at a time.
describe("several hosts in the URL, a standby among them, #server", function()
    local s, main, port, standby, stopped

    setup(function()
        standby = io.popen("tests/standby.sh start"):read("l")
        main, port = support.server:match("host=([^&]+)&port=(%d+)")
    end)
    teardown(function() os.execute("tests/standby.sh stop") end)
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "CREATE TABLE a ();")
    end)
    after_each(function()
        if stopped then os.execute("kill -CONT " .. stopped) end
        stopped = nil
        support.cleanup()
    end)

    local function with(hosts, rest)
        return { env = { LUAMIG_DATABASE = ("postgres:///%s?host=%s&port=%s&user=postgres%s"):format(s.name, hosts,
            port, rest or "") } }
    end

    --- The standby has what the spec made.
    local function caught_up()
        support.eventually(function()
            return s:run("status", with(standby)).status == 0
        end, "the database on the standby", 30)
    end

    it("one that refuses is passed over, and all connections of a run go to the same server", function()
        local r = s:expect(0, "up", with("/nowhere," .. main))
        assert.is_nil(r.err:find("nowhere", 1, true))
        assert.is_true(s:has("a"))
        r = s:expect(5, "up", with("/nowhere,/nor/here"))
        assert.matches('"/nowhere/.*\n.*"/nor/here/', r.err)
        assert.is_nil(r.err:find("\t"))
    end)

    it("a standby alone is exit 5 for up, and reading commands work there", function()
        s:expect(0, "up", "--lock", "lease")
        s:file("2_b.up.sql", "")
        caught_up()
        local r = s:expect(5, "up", with(standby))
        assert.matches("this server is read%-only", r.err)
        s:sql("CREATE TABLE later ()")
        support.eventually(function()
            return s:expect(0, "status", with(standby)).out:find("standby, replayed until %d+")
        end, "a replayed transaction")
        s:expect(0, "plan", with(standby))
        s:expect(0, "history", with(standby))
        s:expect(4, "verify", with(standby))
        r = s:expect(0, "lock", "--lock", "lease", with(standby))
        assert.matches("^run  free  .*  done ", r.out)
        s:expect(5, "lock", "--release", "--lock", "lease", with(standby))
    end)

    it("a standby is passed over for the primary where that is asked for", function()
        caught_up()
        s:expect(0, "up", with(standby .. "," .. main, "&target_session_attrs=read-write"))
        assert.equal("1", s:applied())
        local r = s:expect(5, "up", with(standby .. "," .. main))
        assert.matches("this server is read%-only", r.err)
        r = s:expect(5, "up", with(standby, "&target_session_attrs=primary"))
        assert.matches("server is in hot standby mode", r.err)
        assert.matches("hint: ", r.err)
        s:expect(0, "status", with(main .. "," .. standby, "&target_session_attrs=standby"))
    end)

    it("one that does not answer has connect_timeout, then it is the next one's turn", function()
        local pid = support.read_file(standby:gsub("/socket$", "/postmaster.pid")):match("^%d+")
        os.execute("kill -STOP " .. pid)
        stopped = pid
        s:expect(0, "up", with(standby .. "," .. main, "&connect_timeout=1"))
        assert.equal("1", s:applied())
        local r = s:expect(5, "up", with("/nowhere," .. standby, "&connect_timeout=1"))
        assert.matches('"/nowhere/', r.err, 1, true)
        assert.matches("no answer from " .. standby .. ":" .. port .. " within 1 s", r.err, 1, true)
    end)
end)
