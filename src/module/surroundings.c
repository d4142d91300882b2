#include "module/surroundings.h"

#include <lauxlib.h>
#include <string.h>

#include "module/options.h"
#include "script/files.h"
#include "script/globals.h"
#include "script/vm.h"

#define TYPE "luamig.surroundings"

/* The userdata that owns what the functions work with. */
struct surroundings {
    struct globals globals;
    struct settings settings;
    struct arena arena;
};

static int
collect(lua_State *L)
{
    struct surroundings *s = luaL_checkudata(L, 1, TYPE);

    arena_release(&s->arena);
    return 0;
}

static int
log_nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* Calls its first upvalue; its second is the owner, which lives as long as this function. */
static int
forward(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* Lets function name of the table on top own the userdata at index owner. */
static void
tie(lua_State *L, const char *name, int owner)
{
    lua_getfield(L, -1, name);
    lua_pushvalue(L, owner);
    lua_pushcclosure(L, forward, 2);
    lua_setfield(L, -2, name);
}

static struct surroundings *
push_owner(lua_State *L)
{
    struct surroundings *s = lua_newuserdatauv(L, sizeof(*s), 0);

    memset(s, 0, sizeof(*s));
    luaL_setmetatable(L, TYPE);
    s->globals.settings = &s->settings;
    return s;
}

/* Pushes what sandbox.new() takes; the options are at index 1, the owner at 2. */
static void
push_host(lua_State *L, const struct surroundings *s)
{
    globals_push(L, &s->globals);
    tie(L, "read_module", 2);
    lua_getfield(L, 1, "log");
    if (lua_isnil(L, -1))
        lua_pushcfunction(L, log_nothing);
    else if (lua_isfunction(L, -1))
        lua_pushvalue(L, -1);
    else
        luaL_error(L, "log must be a function, not a %s", luaL_typename(L, -1));
    lua_setfield(L, -3, "log");
    lua_pop(L, 1);
}

int
surroundings_globals(lua_State *L)
{
    static const char *const known[] = { "dir", "lib", "vars", "log", NULL };
    static const char *const extra[] = { "log", NULL };
    struct surroundings *s;

    options_check(L, 1, "luamig.globals", known);
    lua_settop(L, 1);
    s = push_owner(L);
    options_settings(L, "luamig.globals", extra, &s->arena, &s->settings);
    globals_push_embedded(L, "luamig.sandbox");
    lua_getfield(L, -1, "new");
    push_host(L, s);
    lua_getfield(L, -1, "globals");
    files_open(L, s->settings.dir);
    lua_setfield(L, -2, "files");
    lua_pop(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

void
surroundings_register(lua_State *L)
{
    static const luaL_Reg meta[] = { { "__gc", collect }, { NULL, NULL } };

    vm_new_type(L, TYPE, meta);
}
