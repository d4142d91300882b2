#include "script/script.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/fs.h"
#include "script/db.h"
#include "script/embed.h"
#include "script/files.h"
#include "script/json.h"
#include "script/raise.h"
#include "script/value.h"
#include "script/vm.h"

#define BOM "\xEF\xBB\xBF"

static const char *const log_levels[] = { "debug", "info", "warn", NULL };

/* host.log(level, text) */
static int
log_line(lua_State *L)
{
    const struct script *script = lua_touserdata(L, lua_upvalueindex(1));
    int level = luaL_checkoption(L, 1, NULL, log_levels);

    script->host->log(script->host->ctx, (enum host_log)level, luaL_checkstring(L, 2));
    return 0;
}

static int
arena_gc(lua_State *L)
{
    arena_release(luaL_checkudata(L, 1, "luamig.arena"));
    return 0;
}

/* host.read_module(name) -> text, chunk name; nil, path where there is no such file */
static int
read_module(lua_State *L)
{
    const struct script *script = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
    const char *path = lua_pushfstring(L, "%s/%s.lua", script->settings->lib, name);
    struct arena *arena = lua_newuserdatauv(L, sizeof(*arena), 0);
    struct error err = { 0 };
    struct fs_text text;

    *arena = (struct arena){ 0 };
    luaL_newmetatable(L, "luamig.arena");
    lua_pushcfunction(L, arena_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    if (!fs_exists(path)) {
        lua_pushnil(L);
        lua_pushstring(L, path);
        return 2;
    }
    if (!fs_read(path, arena, &text, &err))
        return raise_error(L, &err);
    lua_pushlstring(L, text.bytes, text.size);
    lua_pushfstring(L, "@%s", path);
    arena_release(arena);
    return 2;
}

static void
push_vars(lua_State *L, const struct settings *settings)
{
    lua_createtable(L, 0, (int)settings->var_count);
    for (size_t i = 0; i < settings->var_count; i++) {
        lua_pushstring(L, settings->vars[i].value);
        lua_setfield(L, -2, settings->vars[i].name);
    }
}

static void
set_text(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void
set_integer(lua_State *L, const char *name, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

/* The names with commas between as a list. */
static void
push_names(lua_State *L, const char *names)
{
    lua_Integer count = 0;

    lua_newtable(L);
    while (names != NULL && *names != '\0') {
        size_t len = strcspn(names, ",");

        lua_pushlstring(L, names, len);
        lua_rawseti(L, -2, ++count);
        names += len + (names[len] == ',');
    }
}

/* The script global `migration`. */
static void
push_migration(lua_State *L, const struct script *script)
{
    lua_createtable(L, 0, 8);
    if (script->has_version)
        set_integer(L, "version", script->version);
    set_text(L, "name", script->name);
    set_text(L, "direction", script->direction);
    set_text(L, "mode", script->host->in_transaction ? "transaction" : "no-transaction");
    set_text(L, "dir", script->folder);
    set_integer(L, "attempt", (lua_Integer)script->attempt);
    lua_pushboolean(L, script->dry_run);
    lua_setfield(L, -2, "dry_run");
    push_names(L, script->environments);
    lua_setfield(L, -2, "environments");
}

static void
set_function(lua_State *L, const char *name, lua_CFunction function,
             const struct script *script)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)script);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

/* What the script sees beside Lua's own: the globals that the sandbox adds. */
static void
push_globals(lua_State *L, const struct script *script)
{
    lua_createtable(L, 0, 8);
    value_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, value_array);
    lua_setfield(L, -2, "array");
    lua_pushcfunction(L, value_bytea);
    lua_setfield(L, -2, "bytea");
    json_open(L);
    lua_setfield(L, -2, "json");
    files_open(L, script->folder);
    lua_setfield(L, -2, "files");
    push_migration(L, script);
    lua_setfield(L, -2, "migration");
}

/* Pushes the embedded module luamig.name. */
static void
push_embedded(lua_State *L, const char *name)
{
    const struct embedded *module = embedded_modules;

    while (module->name != NULL && strcmp(module->name, name) != 0)
        module++;
    if (module->name == NULL)
        luaL_error(L, "no embedded module '%s'", name);
    if (luaL_loadbufferx(L, (const char *)module->text, module->size, module->chunkname,
                         "t") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
}

/* A script's strings know their methods, and nobody else may change them. */
static void
close_strings(lua_State *L)
{
    lua_getglobal(L, "string");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushliteral(L, "locked");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 3);
}

/* Pushes sandbox.new{...}: the environment. */
static void
push_environment(lua_State *L, const struct script *script)
{
    close_strings(L);
    push_embedded(L, "luamig.sandbox");
    lua_getfield(L, -1, "new");
    lua_createtable(L, 0, 4);
    push_globals(L, script);
    lua_setfield(L, -2, "globals");
    push_vars(L, script->settings);
    lua_setfield(L, -2, "vars");
    set_function(L, "log", log_line, script);
    set_function(L, "read_module", read_module, script);
    lua_call(L, 1, 1);
    lua_remove(L, -2);
}

struct running {
    const struct script *script;
    struct db *db;
};

/* Makes the environment with its db, loads the script in it and runs it. */
static int
run(lua_State *L)
{
    struct running *running = lua_touserdata(L, 1);
    const struct script *script = running->script;
    size_t skip = script->size >= 3 && memcmp(script->text, BOM, 3) == 0 ? 3 : 0;

    raise_open(L);
    value_open(L);
    db_open(L);
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 1);
    lua_pop(L, 1);
    push_environment(L, script);
    running->db = db_push(L, script->host);
    running->db->folder = script->folder;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, running); /* as long as the state lives */
    lua_setfield(L, -2, "db");
    lua_pushfstring(L, "@%s", script->path);
    if (luaL_loadbufferx(L, script->text + skip, script->size - skip, lua_tostring(L, -1),
                         "t") != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, -3);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 0);
    return 0;
}

/* What a pcall swallowed: the transaction is dead all the same. */
static bool
check_alive(const struct db *db, struct error *err)
{
    if (!db->failed)
        return true;
    *err = db->error;
    if (err->hint[0] == '\0')
        error_hint(err, "The script went on behind it, but its transaction was dead; "
                        "db:try(fn) can go on behind an error.");
    return false;
}

enum script_end
script_run(const struct script *script, struct error *err)
{
    struct vm vm = { .cap = (size_t)script->settings->memory,
                     .stop = script->stop,
                     .fail_after = script->fail_after };
    struct running running = { .script = script };
    enum script_end end = SCRIPT_FAILED;
    bool ok = vm_init(&vm, err);

    if (ok) {
        lua_pushcfunction(vm.L, run);
        lua_pushlightuserdata(vm.L, &running);
        ok = vm_call(&vm, 1, 0, err) && check_alive(running.db, err);
    }
    if (ok)
        end = SCRIPT_DONE;
    if (running.db != NULL && running.db->stray)
        end = SCRIPT_STRAY;
    if (running.db != NULL)
        db_detach(running.db);
    vm_release(&vm);
    return end;
}
