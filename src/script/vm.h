/*
 * vm.h - one Lua state: capped memory, a stop hook, protected calls
 *
 * Lua errors are longjmps. They start and end inside vm_call(); no libpq or libc resource
 * may be held across a Lua API call that can raise unless a userdata owns it.
 */
#ifndef LUAMIG_SCRIPT_VM_H
#define LUAMIG_SCRIPT_VM_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

#include "base/error.h"
#include "base/stop.h"

struct vm {
    lua_State *L;
    size_t used;
    size_t cap;              /* bytes; 0: no cap */
    const struct stop *stop; /* heeded in Lua loops; NULL: nothing is */
    long fail_after;         /* tests only: the nth allocation fails */
    bool refused;            /* the cap was hit */
    struct error wanted;     /* where, if it was */
};

/* Set cap, stop and fail_after before. Opens base, string, table, math, utf8, coroutine. */
bool vm_init(struct vm *vm, struct error *err);
void vm_release(struct vm *vm);

/*
 * Calls the function below its nargs arguments and keeps nresults results. On failure the
 * stack is as below the function, and *err is an ERROR_SCRIPT (or what was raised with
 * raise_error()), with file and line in err->place.
 */
bool vm_call(struct vm *vm, int nargs, int nresults, struct error *err);

/*
 * Pushes text (never bytecode), behind its BOM, compiled as a chunk of that name
 * ("@luamig.lua"); raises where it is wrong.
 */
void vm_push_chunk(lua_State *L, const char *text, size_t size, const char *name);

/* The same in a protected call. */
bool vm_load(struct vm *vm, const char *text, size_t size, const char *name,
             struct error *err);

/*
 * Registers a userdata type with these metamethods (ended by a NULL name); its metatable is
 * out of a script's reach.
 */
void vm_new_type(lua_State *L, const char *name, const luaL_Reg *meta);

/*
 * What a generic `for` takes: next with the userdata at index as its upvalue, which is
 * closed when the loop is left. Returns 4, how many values that is.
 */
int vm_push_loop(lua_State *L, int index, lua_CFunction next);

#endif
