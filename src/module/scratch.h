/*
 * scratch.h - luamig.scratch{...}: a database for one test, migrated by the engine
 *
 * It is made on the server of LUAMIG_TEST_URL and gone with drop(), at the end of its
 * scope, or when it is collected.
 */
#ifndef LUAMIG_MODULE_SCRATCH_H
#define LUAMIG_MODULE_SCRATCH_H

#include <lua.h>

/* Registers the type in a host's state. */
void scratch_register(lua_State *L);

/* luamig.scratch { dir =, env =, to =, vars =, lib =, table = ... } -> scratch */
int scratch_new(lua_State *L);

#endif
