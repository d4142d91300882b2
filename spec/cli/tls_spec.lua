local support = require "support"

describe("TLS:", function()
    local s, dir, port

    setup(function()
        dir, port = io.popen("tests/tls.sh start"):read("l"):match("^(%S+) (%d+)$")
    end)
    teardown(function() os.execute("tests/tls.sh stop") end)
    before_each(function()
        s = support.scratch()
        s:file("1_a.up.sql", "SELECT 1;")
    end)
    after_each(support.cleanup)

    --- Where the server is asked, by whom, and how; $DIR is the folder of the certificates.
    local function url(role, host, parameters)
        return ("postgres://%s@%s:%s/postgres?%s"):format(role, host, port, (parameters:gsub("%$DIR", dir)))
    end

    local function reads(database)
        s:expect(0, "status", { env = { LUAMIG_DATABASE = database } })
    end

    --- Exit 5 with the reason and what to do.
    local function refused(database, reason, hint)
        local r = s:expect(5, "status", { env = { LUAMIG_DATABASE = database } })
        assert.matches(reason, r.err, 1, true)
        assert.matches("hint: " .. hint, r.err, 1, true)
        r = s:expect(5, "up", "--json", { env = { LUAMIG_DATABASE = database } })
        assert.matches('"kind":"connect"', r.out, 1, true)
    end

    it("verify-full with the CA of the server's certificate", function()
        reads(url("postgres", "localhost", "sslmode=verify-full&sslrootcert=$DIR/ca.crt"))
    end)

    it("the wrong host name is refused, and may be with verify-ca", function()
        refused(url("postgres", "127.0.0.1", "sslmode=verify-full&sslrootcert=$DIR/ca.crt"),
            'certificate for "localhost" does not match host name "127.0.0.1"', "Connect to a name that")
        reads(url("postgres", "127.0.0.1", "sslmode=verify-ca&sslrootcert=$DIR/ca.crt"))
    end)

    it("another CA, and none, are refused", function()
        refused(url("postgres", "localhost", "sslmode=verify-full&sslrootcert=$DIR/other.crt"),
            "certificate verify failed", "The certificate was signed by no CA of sslrootcert, or has expired")
        refused(url("postgres", "localhost", "sslmode=verify-full&sslrootcert=$DIR/gone.crt"),
            'gone.crt" does not exist', "Write sslrootcert=FILE")
        refused(url("postgres", "localhost", "sslmode=verify-full"), "does not exist", "Write sslrootcert=FILE")
    end)

    it("a client certificate is shown where the server asks for it", function()
        reads(url("cert", "localhost", "sslmode=verify-full&sslrootcert=$DIR/ca.crt&sslcert=$DIR/client.crt"
            .. "&sslkey=$DIR/client.key"))
        refused(url("cert", "localhost", "sslmode=require"), "requires a valid client certificate",
            "Write sslcert=FILE and sslkey=FILE")
        refused(url("other", "localhost", "sslmode=require&sslcert=$DIR/client.crt&sslkey=$DIR/client.key"),
            'certificate authentication failed for user "other"', "The certificate's common name")
    end)

    it("a server that takes nothing else says so", function()
        refused(url("postgres", "localhost", "sslmode=disable"), "no encryption", "The server may want TLS here")
    end)

    it("a server without it is refused where it is required", function()
        refused(s.tcp_url .. "?sslmode=require", "server does not support SSL", "The server takes no TLS")
        reads(s.tcp_url .. "?sslmode=prefer")
    end)

    it("an expired certificate is refused", function()
        local admin = ("psql -Xq -d 'host=%s port=%s user=postgres dbname=postgres'"):format(dir, port)
        local valid = url("postgres", "localhost", "sslmode=verify-full&sslrootcert=$DIR/ca.crt")
        reads(valid)
        os.execute(admin .. " -c \"ALTER SYSTEM SET ssl_cert_file = 'expired.crt'\""
            .. " -c \"ALTER SYSTEM SET ssl_key_file = 'expired.key'\" -c 'SELECT pg_reload_conf()' >/dev/null")
        support.eventually(function()
            return s:run("status", { env = { LUAMIG_DATABASE = valid } }).status ~= 0
        end, "the other certificate")
        refused(valid, "certificate verify failed", "The certificate was signed by no CA of sslrootcert, or has exp")
    end)
end)
