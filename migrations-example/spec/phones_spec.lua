-- A migration's test: a database of its own, migrated by luamig itself up to the version
-- before, some rows, then the migration.
local luamig = require "luamig"

describe("0011_phone_e164", function()
    local s

    before_each(function()
        s = luamig.scratch { dir = "migrations-example", env = "test", to = 10 }
    end)
    after_each(function() s:drop() end)

    local function phone(email)
        return s.db:value("SELECT phone_e164 FROM users WHERE email = $1", email)
    end

    it("reads numbers as people type them, and leaves what is none", function()
        s.db:exec [[INSERT INTO users (email, name, phone, country)
            VALUES ('jo@test.example', 'Jo', '01 23 45 67 89', 'FR')]]
        s:up { to = 11 }
        assert.equal("+49301234567", phone "ada@test.example")
        assert.equal("+33123456789", phone "jo@test.example")
        assert.is_nil(phone "grace@test.example")
        assert.equal("call my office", s.db:value "SELECT phone FROM users WHERE name = 'Grace'")
    end)

    it("refuses what is no number from then on", function()
        s:up { to = 11 }
        local ok, err = s.db:try(function() s.db:exec "UPDATE users SET phone_e164 = '0301234'" end)
        assert.is_false(ok)
        assert.equal("23514", err.sqlstate)
    end)

    it("goes down and up again", function()
        s:up { to = 11 }
        s:down()
        assert.is_nil(s.db:one "SELECT 1 FROM pg_attribute WHERE attname = 'phone_e164' AND NOT attisdropped")
        assert.equal(1, s:up { to = 11 })
    end)
end)
