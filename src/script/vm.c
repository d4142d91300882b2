#include "script/vm.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VM_ERROR         "luamig.error"
#define VM_HOOK_INTERVAL 10000 /* VM instructions between two looks at stop */

/* A lua_Alloc with a cap. When ptr is NULL, osize is a type tag, not a size. */
static void *
vm_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct vm *vm = ud;
    void *block;

    if (ptr == NULL)
        osize = 0;
    if (nsize == 0) {
        free(ptr);
        vm->used -= osize;
        return NULL;
    }
    if (nsize > osize) {
        if (vm->cap != 0 && vm->used - osize + nsize > vm->cap)
            return NULL;
        if (vm->fail_after > 0 && --vm->fail_after == 0) {
            vm->fail_after = 1; /* the retry after a full collection fails too */
            return NULL;
        }
    }
    block = realloc(ptr, nsize);
    if (block != NULL)
        vm->used += nsize - osize;
    return block;
}

static struct vm *
vm_of(lua_State *L)
{
    void *ud;

    lua_getallocf(L, &ud);
    return ud;
}

/*
 * Once it has fired it fires at every instruction, so that a script's own pcall() cannot
 * swallow it. Hooks belong to one coroutine: new ones inherit.
 */
static void
vm_hook(lua_State *L, lua_Debug *ar)
{
    const struct vm *vm = vm_of(L);
    struct error err = { 0 };
    enum stop_cause cause = vm->stop != NULL ? stop_cause(vm->stop) : STOP_NONE;

    (void)ar;
    if (cause == STOP_NONE)
        return;
    lua_sethook(L, vm_hook, LUA_MASKCOUNT, 1);
    error_set(&err, cause == STOP_SIGNAL ? ERROR_SIGNAL : ERROR_TIMEOUT,
              "the script was stopped");
    vm_raise(L, &err);
}

static int
error_tostring(lua_State *L)
{
    const struct error *err = luaL_checkudata(L, 1, VM_ERROR);

    lua_pushstring(L, err->message);
    return 1;
}

static int
error_index(lua_State *L)
{
    const struct error *err = luaL_checkudata(L, 1, VM_ERROR);
    const char *key = luaL_checkstring(L, 2);
    const struct {
        const char *key, *text;
    } fields[] = {
        { "message", err->message }, { "sqlstate", err->sqlstate },
        { "detail", err->detail },   { "hint", err->hint },
        { "where", err->where },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(key, fields[i].key) == 0) {
            lua_pushstring(L, fields[i].text);
            return 1;
        }
    }
    return 0;
}

static const luaL_Reg error_meta[] = {
    { "__tostring", error_tostring },
    { "__index", error_index },
    { NULL, NULL },
};

int
vm_raise(lua_State *L, const struct error *err)
{
    struct error *copy = lua_newuserdatauv(L, sizeof(*copy), 0);

    *copy = *err;
    luaL_setmetatable(L, VM_ERROR);
    return lua_error(L);
}

/* "luamig.lua:3: message" of luaL_error: the place goes where places go. */
static void
split_message(struct error *err)
{
    char *colon = strstr(err->message, ".lua:"), *end;
    unsigned long line;
    char file[sizeof(err->place.file)], rest[sizeof(err->message)];

    if (colon == NULL)
        return;
    line = strtoul(colon + 5, &end, 10);
    if (line == 0 || strncmp(end, ": ", 2) != 0)
        return;
    snprintf(file, sizeof(file), "%.*s", (int)(colon + 4 - err->message), err->message);
    snprintf(rest, sizeof(rest), "%s", end + 2);
    error_text(err->message, sizeof(err->message), rest);
    error_at(err, file, line, 0);
}

/* Turns whatever was raised into a VM_ERROR that says where. */
static int
message_handler(lua_State *L)
{
    struct error *err = luaL_testudata(L, 1, VM_ERROR);

    if (err != NULL)
        return 1;
    err = lua_newuserdatauv(L, sizeof(*err), 0);
    error_set(err, ERROR_SCRIPT, "%s", luaL_tolstring(L, 1, NULL));
    split_message(err);
    lua_pop(L, 1);
    luaL_setmetatable(L, VM_ERROR);
    return 1;
}

bool
vm_call(struct vm *vm, int nargs, int nresults, struct error *err)
{
    lua_State *L = vm->L;
    int base = lua_gettop(L) - nargs;
    const struct error *raised;
    int status;

    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    lua_sethook(L, vm_hook, LUA_MASKCOUNT, VM_HOOK_INTERVAL);
    status = lua_pcall(L, nargs, nresults, base);
    lua_sethook(L, NULL, 0, 0);
    if (status == LUA_OK) {
        lua_remove(L, base);
        return true;
    }
    raised = status == LUA_ERRRUN ? luaL_testudata(L, -1, VM_ERROR) : NULL;
    if (raised != NULL)
        *err = *raised;
    else /* LUA_ERRMEM and LUA_ERRERR skip the handler and leave a string */
        error_set(err, ERROR_SCRIPT, "%s", lua_tostring(L, -1));
    lua_settop(L, base - 1);
    return false;
}

struct chunk {
    const char *text;
    size_t size;
    const char *name;
};

static int
load_chunk(lua_State *L)
{
    const struct chunk *chunk = lua_touserdata(L, 1);

    if (luaL_loadbufferx(L, chunk->text, chunk->size, chunk->name, "t") != LUA_OK)
        return lua_error(L);
    return 1;
}

bool
vm_load(struct vm *vm, const char *text, size_t size, const char *name, struct error *err)
{
    struct chunk chunk = { .text = text, .size = size, .name = name };

    lua_pushcfunction(vm->L, load_chunk);
    lua_pushlightuserdata(vm->L, &chunk);
    return vm_call(vm, 1, 1, err);
}

static int
open_libraries(lua_State *L)
{
    static const luaL_Reg libs[] = {
        { LUA_GNAME, luaopen_base },       { LUA_COLIBNAME, luaopen_coroutine },
        { LUA_TABLIBNAME, luaopen_table }, { LUA_STRLIBNAME, luaopen_string },
        { LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 },
    };

    for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++) {
        luaL_requiref(L, libs[i].name, libs[i].func, 1);
        lua_pop(L, 1);
    }
    luaL_newmetatable(L, VM_ERROR);
    luaL_setfuncs(L, error_meta, 0);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    return 0;
}

bool
vm_init(struct vm *vm, struct error *err)
{
    vm->used = 0;
    vm->L = lua_newstate(vm_alloc, vm);
    if (vm->L == NULL)
        return error_set(err, ERROR_SCRIPT, "not enough memory for a Lua state");
    lua_pushcfunction(vm->L, open_libraries);
    return vm_call(vm, 0, 0, err);
}

void
vm_release(struct vm *vm)
{
    if (vm->L != NULL)
        lua_close(vm->L);
    vm->L = NULL;
}
