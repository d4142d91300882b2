/* backfill.h - db:backfill: the script's functions for the walk of src/backfill */
#ifndef LUAMIG_SCRIPT_BACKFILL_H
#define LUAMIG_SCRIPT_BACKFILL_H

#include <lua.h>

/* db:backfill { NAME, table =, map =, ... } */
int backfill_call(lua_State *L);

#endif
