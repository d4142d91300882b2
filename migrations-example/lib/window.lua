--- Hours of the day in which something may happen.
local window = {}

--- Whether an hour is within a window.
-- @tparam string hours "09-16": from 09:00 up to, not including, 16:00; "22-04" goes over midnight
-- @tparam string hour "00" to "23"
-- @treturn boolean
function window.is_open(hours, hour)
    local from, to = hours:match "^(%d%d?)-(%d%d?)$"
    if not from then error(("'%s' is no window: write 09-16"):format(hours), 2) end
    from, to, hour = tonumber(from), tonumber(to), tonumber(hour)
    if from <= to then return from <= hour and hour < to end
    return hour >= from or hour < to
end

return window
