#include "script/globals.h"

#include <lauxlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/utf8.h"
#include "script/db.h"
#include "script/embed.h"
#include "script/field.h"
#include "script/json.h"
#include "script/raise.h"
#include "script/value.h"
#include "script/vm.h"

#define ARENA_TYPE "luamig.arena"

static const char *const log_levels[] = { "debug", "info", "warn", NULL };

/* host.log(level, text) */
static int
log_line(lua_State *L)
{
    const struct globals *globals = lua_touserdata(L, lua_upvalueindex(1));
    int level = luaL_checkoption(L, 1, NULL, log_levels);

    globals->host->log(globals->host->ctx, (enum host_log)level, luaL_checkstring(L, 2));
    return 0;
}

static int
arena_gc(lua_State *L)
{
    arena_release(luaL_checkudata(L, 1, ARENA_TYPE));
    return 0;
}

/* host.read_module(name) -> text, chunk name; nil, path where there is no such file */
static int
read_module(lua_State *L)
{
    const struct globals *globals = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
    const char *path = lua_pushfstring(L, "%s/%s.lua", globals->settings->lib, name);
    struct arena *arena = lua_newuserdatauv(L, sizeof(*arena), 0);
    struct error err = { 0 };
    struct fs_text text;
    size_t bom;

    *arena = (struct arena){ 0 };
    luaL_setmetatable(L, ARENA_TYPE);
    if (!fs_exists(path)) {
        lua_pushnil(L);
        lua_pushstring(L, path);
        return 2;
    }
    if (!fs_read(path, arena, &text, &err))
        return raise_error(L, &err);
    bom = utf8_bom(text.bytes, text.size);
    lua_pushlstring(L, text.bytes + bom, text.size - bom);
    lua_pushfstring(L, "@%s", path);
    arena_release(arena);
    return 2;
}

static void
push_vars(lua_State *L, const struct settings *settings)
{
    lua_createtable(L, 0, (int)settings->var_count);
    for (size_t i = 0; i < settings->var_count; i++)
        field_set_text(L, settings->vars[i].name, settings->vars[i].value);
}

void
globals_push_names(lua_State *L, const char *names)
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

void
globals_push_migration(lua_State *L, const struct script_facts *facts)
{
    lua_createtable(L, 0, 8);
    if (facts->has_version)
        field_set_integer(L, "version", facts->version);
    field_set_text(L, "name", facts->name);
    field_set_text(L, "direction", facts->direction);
    field_set_text(L, "mode", facts->in_transaction ? "transaction" : "no-transaction");
    field_set_text(L, "dir", facts->folder);
    field_set_integer(L, "attempt", (lua_Integer)facts->attempt);
    field_set_boolean(L, "dry_run", facts->dry_run);
    globals_push_names(L, facts->environments);
    lua_setfield(L, -2, "environments");
}

static void
set_function(lua_State *L, const char *name, lua_CFunction function,
             const struct globals *globals)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)globals);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

static void
push_values(lua_State *L)
{
    lua_createtable(L, 0, 8);
    value_set_globals(L);
    json_open(L);
    lua_setfield(L, -2, "json");
}

void
globals_open(lua_State *L)
{
    static const luaL_Reg arena_meta[] = { { "__gc", arena_gc }, { NULL, NULL } };

    vm_new_type(L, ARENA_TYPE, arena_meta);
    raise_open(L);
    value_open(L);
    db_open(L);
}

void
globals_push(lua_State *L, const struct globals *globals)
{
    lua_createtable(L, 0, 8);
    push_values(L);
    lua_setfield(L, -2, "globals");
    push_vars(L, globals->settings);
    lua_setfield(L, -2, "vars");
    set_function(L, "log", log_line, globals);
    set_function(L, "read_module", read_module, globals);
}

void
globals_push_embedded(lua_State *L, const char *name)
{
    const struct embedded *module = embedded_modules;

    while (module->name != NULL && strcmp(module->name, name) != 0)
        module++;
    if (module->name == NULL)
        luaL_error(L, "no embedded module '%s'", name);
    vm_push_chunk(L, (const char *)module->text, module->size, module->chunkname);
    lua_call(L, 0, 1);
}
