/* status.h - scratch:status(): what `luamig status --json` says, as a table */
#ifndef LUAMIG_MODULE_STATUS_H
#define LUAMIG_MODULE_STATUS_H

#include <lua.h>

#include "base/arena.h"
#include "plan/settings.h"

/*
 * Pushes a list of { version, name, state, applied_at, checksum, file, environment,
 * background } (what is not known is absent), with counts by state and problems. Raises
 * where there is nothing to show; the arena is the caller's to release.
 */
void status_push(lua_State *L, const struct settings *settings, struct arena *arena);

#endif
