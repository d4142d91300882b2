-- A backfill's test: rows of every sort before, and what has become of them.
local luamig = require "luamig"

describe("0013_phone_country", function()
    local s

    before_each(function()
        s = luamig.scratch { dir = "migrations-example", env = "test", to = 12 }
    end)
    after_each(function() s:drop() end)

    local function country(email)
        return s.db:value("SELECT phone_country FROM users WHERE email = $1", email)
    end

    it("tells the country of the numbers it knows, and leaves the others", function()
        s.db:exec [[INSERT INTO users (email, name, phone_e164) VALUES
            ('jo@test.example', 'Jo', '+33123456789'), ('kim@test.example', 'Kim', '+82212345678')]]
        s:up { to = 13 }
        assert.equal("FR", country "jo@test.example")
        assert.equal("DE", country "ada@test.example")
        assert.is_nil(country "kim@test.example")
        assert.is_nil(country "grace@test.example")
    end)

    it("goes down and up again", function()
        s:up { to = 13 }
        s:down()
        assert.equal(1, s:up { to = 13 })
        assert.equal("DE", country "ada@test.example")
    end)
end)
