-- luamig: no-transaction
-- Where each number is from. In batches, each a transaction of its own: users are many, and
-- the application goes on writing them.
local phone = require "phone"

db:step("column", function() db:exec "ALTER TABLE users ADD phone_country text" end)

db:backfill { "countries", table = "users",
    read = { "phone_e164" }, set = { "phone_country" },
    where = "phone_e164 IS NOT NULL AND phone_country IS NULL",
    map = function(user)
        local country = phone.country(user.phone_e164)
        return country and { phone_country = country }
    end }
