#include "script/vm.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "pg/wait.h"
#include "script/raise.h"

#define VM_HOOK_INTERVAL 10000 /* VM instructions between two looks at stop */

/*
 * No handler runs for want of memory, so the place is looked up here. Frames are whole
 * while the allocator is called: it is what an error in the same instruction would find.
 */
static void *
refuse(struct vm *vm)
{
    vm->wanted = (struct error){ 0 };
    if (vm->L != NULL)
        raise_place(vm->L, &vm->wanted);
    vm->refused = true;
    return NULL;
}

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
            return refuse(vm);
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

void
vm_new_type(lua_State *L, const char *name, const luaL_Reg *meta)
{
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

int
vm_push_loop(lua_State *L, int index, lua_CFunction next)
{
    lua_pushvalue(L, index);
    lua_pushcclosure(L, next, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, index);
    return 4;
}

/* The state's struct vm. */
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
    wait_cause_error(vm->stop, cause, &err);
    raise_error(L, &err);
}

/* Of the value on top. LUA_ERRMEM and LUA_ERRERR skip the handler and leave a string. */
static void
vm_error(const struct vm *vm, int status, struct error *err)
{
    const struct error *raised = raise_caught(vm->L, -1);

    if (raised != NULL) {
        *err = *raised;
    } else if (status == LUA_ERRMEM && vm->refused) {
        *err = vm->wanted;
        err->kind = ERROR_SCRIPT;
        error_text(err->message, sizeof(err->message), "not enough memory");
        error_hint(err,
                   "A script may use %zu MiB: read in parts (db:rows, files.lines), "
                   "or raise the setting memory.",
                   vm->cap >> 20);
    } else {
        error_set(err, ERROR_SCRIPT, "%s",
                  lua_isstring(vm->L, -1) ? lua_tostring(vm->L, -1) : "unknown error");
    }
}

bool
vm_call(struct vm *vm, int nargs, int nresults, struct error *err)
{
    lua_State *L = vm->L;
    int base = lua_gettop(L) - nargs;
    bool signals = vm->stop != NULL;
    int status;

    lua_pushcfunction(L, raise_handler);
    lua_insert(L, base);
    lua_sethook(L, vm_hook, LUA_MASKCOUNT, VM_HOOK_INTERVAL);
    if (signals)
        stop_signals_open();
    status = lua_pcall(L, nargs, nresults, base);
    if (signals)
        stop_signals_shut();
    lua_sethook(L, NULL, 0, 0);
    if (status == LUA_OK) {
        lua_remove(L, base);
        return true;
    }
    vm_error(vm, status, err);
    lua_settop(L, base - 1);
    return false;
}

void
vm_push_chunk(lua_State *L, const char *text, size_t size, const char *name)
{
    size_t bom = utf8_bom(text, size);

    if (luaL_loadbufferx(L, text + bom, size - bom, name, "t") != LUA_OK)
        lua_error(L);
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

    vm_push_chunk(L, chunk->text, chunk->size, chunk->name);
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
    raise_open(L);
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

/* The last finalizers get the memory that they want: one that gets none does not run. */
void
vm_release(struct vm *vm)
{
    vm->cap = 0;
    vm->fail_after = 0;
    if (vm->L != NULL)
        lua_close(vm->L);
    vm->L = NULL;
}
