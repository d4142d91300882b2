/*
 * command.h - another program, on behalf of a hook
 *
 * Under command{}, os.execute and io.popen alike: it is ended by the limits and signals that
 * end the hook.
 */
#ifndef LUAMIG_SCRIPT_COMMAND_H
#define LUAMIG_SCRIPT_COMMAND_H

#include <lua.h>

#include "script/globals.h"

/*
 * Pushes a function of luamig's own Lua: run(request, keep, apart) -> how, code, output,
 * whole. request: words, timeout = "30s", stdin = text, name = what waiting
 * for it is called; keep: bytes of output that are given
 * back; apart: stdout is not logged, nor mixed with stderr. how: "exit", "signal" or
 * "timeout"; whole: there was no more output. What cannot be run, and what stops the hook,
 * raises.
 */
void command_push(lua_State *L, const struct globals *globals);

#endif
