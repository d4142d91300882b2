/* json.h - json.encode and json.decode */
#ifndef LUAMIG_SCRIPT_JSON_H
#define LUAMIG_SCRIPT_JSON_H

#include <lua.h>

/* Pushes the table with encode and decode. */
void json_open(lua_State *L);

#endif
