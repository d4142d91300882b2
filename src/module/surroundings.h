/*
 * surroundings.h - what luamig gives to scripts and hooks, for one under test
 */
#ifndef LUAMIG_MODULE_SURROUNDINGS_H
#define LUAMIG_MODULE_SURROUNDINGS_H

#include <lua.h>

/* Registers the owner of what the functions work with. */
void surroundings_register(lua_State *L);

/*
 * luamig.globals { dir =, lib =, vars =, log = } -> the environment of a script, as load()
 * takes it. dir: that files.* read below; log: function(level, text).
 */
int surroundings_globals(lua_State *L);

/*
 * luamig.hooks(path, { lib =, vars =, log = }) -> a table from event to a function that calls
 * the file's hooks, and command, which the test may replace. lib is by default beside the
 * file.
 */
int surroundings_hooks(lua_State *L);

#endif
