-- luamig: no-transaction
-- Step by step: what is done is recorded with its effect, and a run that is killed goes on
-- behind it. CREATE INDEX CONCURRENTLY cannot be in a transaction, so it stands alone.
db:step("column", function()
    db:exec "ALTER TABLE users ADD search_name text"
end)

db:step("fill", function()
    for user in db:rows "SELECT id, name, email FROM users" do
        local words = {}
        for word in (user.name .. " " .. user.email):lower():gmatch "%w+" do
            words[#words + 1] = word
        end
        table.sort(words)
        db:exec("UPDATE users SET search_name = $1 WHERE id = $2", table.concat(words, " "), user.id)
    end
end)

db:exec "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_search_name ON users (search_name text_pattern_ops)"
