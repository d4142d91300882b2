--- Files and commands, and waiting for what they do.
local system = require "system"

local shell = {}

--- Quotes a word for the shell.
function shell.quote(word)
    return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

--- A file's bytes; "" where there is none.
function shell.read_file(path)
    local file = io.open(path, "rb")
    if not file then return "" end
    local text = file:read("a")
    file:close()
    return text
end

function shell.write_file(path, text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
end

--- What a command prints, without the last line's end.
function shell.capture(command)
    local pipe = assert(io.popen(command, "r"))
    local text = pipe:read("a")
    pipe:close()
    return (text:gsub("%s+$", ""))
end

--- Waits until check() is true, for at most a number of seconds; fails loudly otherwise.
function shell.eventually(check, what, seconds)
    local until_ = system.monotime() + (seconds or 10)
    repeat
        local value = check()
        if value then return value end
        system.sleep(0.02)
    until system.monotime() > until_
    error("never came: " .. (what or "what was waited for"), 2)
end

return shell
