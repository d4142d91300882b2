#include "module/surroundings.h"

#include <lauxlib.h>
#include <string.h>

#include "module/options.h"
#include "script/command.h"
#include "script/files.h"
#include "script/globals.h"
#include "script/hooks_file.h"
#include "script/vm.h"

#define TYPE "luamig.surroundings"

/* The userdata that owns what the functions work with. */
struct surroundings {
    struct globals globals;
    struct host host;
    struct stop stop;
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

/* Output of a program is given back; there is no run whose log could have it. */
static void
drop_line(void *ctx, enum host_log level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* Pushes the owner of what the options at index 1 say. */
static struct surroundings *
push_owner(lua_State *L, const char *call, const char *const *known)
{
    static const char *const extra[] = { "log", NULL };
    struct surroundings *s;

    options_check(L, 1, call, known);
    s = lua_newuserdatauv(L, sizeof(*s), 0);
    memset(s, 0, sizeof(*s));
    luaL_setmetatable(L, TYPE);
    s->host.log = drop_line;
    s->globals =
        (struct globals){ .host = &s->host, .stop = &s->stop, .settings = &s->settings };
    options_settings(L, call, extra, &s->arena, &s->settings);
    return s;
}

/* Pushes what sandbox.new() and hooks.open() take. */
static void
push_host(lua_State *L, int owner)
{
    const struct surroundings *s = luaL_checkudata(L, owner, TYPE);

    globals_push(L, &s->globals);
    tie(L, "read_module", owner);
    command_push(L, &s->globals);
    lua_setfield(L, -2, "run");
    tie(L, "run", owner);
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

/* Adds command{} and files to the globals in the table on top. */
static void
add_globals(lua_State *L, const struct surroundings *s)
{
    lua_getfield(L, -1, "globals");
    files_open(L, s->settings.dir);
    lua_setfield(L, -2, "files");
    globals_push_embedded(L, "luamig.hooks");
    lua_getfield(L, -1, "commander");
    lua_getfield(L, -4, "run");
    lua_call(L, 1, 1);
    lua_setfield(L, -3, "command");
    lua_pop(L, 2);
}

int
surroundings_globals(lua_State *L)
{
    static const char *const known[] = { "dir", "lib", "vars", "log", NULL };
    const struct surroundings *s;

    lua_settop(L, 1);
    s = push_owner(L, "luamig.globals", known);
    globals_push_embedded(L, "luamig.sandbox");
    lua_getfield(L, -1, "new");
    push_host(L, 2);
    add_globals(L, s);
    lua_call(L, 1, 1);
    return 1;
}

/* Runs the file in the environment at index env; its table stands on top. */
static void
run_file(lua_State *L, const char *path, int env)
{
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, env);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
    hooks_file_check(L);
}

/* The folder lib beside the file. */
static const char *
lib_beside(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;

    return arena_printf(arena, "%.*slib", (int)len, path);
}

int
surroundings_hooks(lua_State *L)
{
    static const char *const known[] = { "lib", "vars", "log", NULL };
    const char *path = luaL_checkstring(L, 1);
    struct surroundings *s;

    lua_settop(L, 2);
    lua_insert(L, 1); /* the options first */
    s = push_owner(L, "luamig.hooks", known);
    if (lua_getfield(L, 1, "lib") == LUA_TNIL)
        s->settings.lib = lib_beside(path, &s->arena);
    lua_settop(L, 3);
    globals_push_embedded(L, "luamig.testing");
    lua_getfield(L, 4, "environment");
    push_host(L, 3);
    globals_push_embedded(L, "luamig.sandbox");
    globals_push_embedded(L, "luamig.hooks");
    lua_call(L, 3, 1);
    lua_getfield(L, 4, "hooks");
    lua_pushvalue(L, 5);
    run_file(L, path, 5);
    lua_call(L, 2, 1);
    return 1;
}

void
surroundings_register(lua_State *L)
{
    static const luaL_Reg meta[] = { { "__gc", collect }, { NULL, NULL } };

    vm_new_type(L, TYPE, meta);
}
