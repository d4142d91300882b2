#include "script/json.h"

void
json_open(lua_State *L)
{
    lua_newtable(L);
}
