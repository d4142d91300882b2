/* json_encode.h - json.encode: Lua's values as JSON */
#ifndef LUAMIG_SCRIPT_JSON_ENCODE_H
#define LUAMIG_SCRIPT_JSON_ENCODE_H

#include <lua.h>

/*
 * The C function of Lua: json.encode(value) -> text. Compact, keys sorted, so that equal
 * values make equal texts. An `array`, and a table that has the keys 1 to n and no other,
 * is an array; a table without keys is {}. Bounds of a PostgreSQL array are left out, as
 * array_to_json() does. What has no JSON form raises with its path.
 */
int json_encode(lua_State *L);

#endif
