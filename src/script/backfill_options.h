/* backfill_options.h - the table that db:backfill is called with */
#ifndef LUAMIG_SCRIPT_BACKFILL_OPTIONS_H
#define LUAMIG_SCRIPT_BACKFILL_OPTIONS_H

#include <lua.h>

#include "backfill/backfill.h"

/*
 * Reads the options at index 2 and pushes two values: what keeps the spec's texts alive,
 * and the function (map or each) or nil. Raises for what cannot be meant.
 */
void backfill_options(lua_State *L, struct backfill_spec *spec);

#endif
