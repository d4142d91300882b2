--- Telephone numbers as people write them, to E.164 as machines want them.
local phone = {}

local CALLING_CODE = { AT = "43", CH = "41", DE = "49", FR = "33", GB = "44", NL = "31" }

--- Normalises a number.
-- @tparam string text as it was typed: "030 / 12 34-0", "0049 (0)30 1234"
-- @tparam string country where it was typed, ISO 3166: "DE"
-- @treturn string|nil "+49301234"; nil if it is no number
function phone.normalise(text, country)
    local code = CALLING_CODE[country]
    local digits = text:gsub("%(0%)", ""):gsub("[%s./()-]", "")
    if digits:find "^%+" then
        digits = digits:sub(2)
    elseif digits:find "^00" then
        digits = digits:sub(3)
    elseif digits:find "^0" and code then
        digits = code .. digits:sub(2)
    else
        return nil
    end
    if digits:find "%D" or #digits < 8 or #digits > 15 then return nil end
    return "+" .. digits
end

--- Tells where a number is from.
-- @tparam string number as normalise returns it: "+49301234"
-- @treturn string|nil ISO 3166: "DE"; nil if it is none of the known ones
function phone.country(number)
    for country, code in pairs(CALLING_CODE) do
        if number:sub(2, #code + 1) == code then return country end
    end
    return nil
end

return phone
