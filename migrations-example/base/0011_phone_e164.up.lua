-- What SQL cannot say: numbers are parsed by the project's own module, lib/phone.lua.
local phone = require "phone"
local unreadable = 0

db:exec "ALTER TABLE users ADD phone_e164 text CHECK (phone_e164 ~ '^\\+[0-9]{8,15}$')"

for user in db:rows "SELECT id, phone, country FROM users WHERE phone IS NOT NULL" do
    local number = phone.normalise(user.phone, user.country)
    if number then
        db:exec("UPDATE users SET phone_e164 = $1 WHERE id = $2", number, user.id)
    else
        unreadable = unreadable + 1
        log.warn("user %d: '%s' is no number", user.id, user.phone)
    end
end
log.info("%d could not be read", unreadable)
