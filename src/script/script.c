#include "script/script.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "script/db.h"
#include "script/files.h"
#include "script/vm.h"

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

struct running {
    const struct script *script;
    struct globals globals;
    struct db *db;
};

/* Pushes sandbox.new{...}: the environment. */
static void
push_environment(lua_State *L, const struct running *running)
{
    close_strings(L);
    globals_push_embedded(L, "luamig.sandbox");
    lua_getfield(L, -1, "new");
    globals_push(L, &running->globals);
    lua_getfield(L, -1, "globals");
    files_open(L, running->script->facts.folder);
    lua_setfield(L, -2, "files");
    globals_push_migration(L, &running->script->facts);
    lua_setfield(L, -2, "migration");
    lua_pop(L, 1);
    lua_call(L, 1, 1);
    lua_remove(L, -2);
}

/* Makes the environment with its db, loads the script in it and runs it. */
static int
run(lua_State *L)
{
    struct running *running = lua_touserdata(L, 1);
    const struct script *script = running->script;

    globals_open(L);
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 1);
    lua_pop(L, 1);
    push_environment(L, running);
    running->db = db_push(L, script->host);
    running->db->folder = script->facts.folder;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, running); /* as long as the state lives */
    lua_setfield(L, -2, "db");
    lua_pushfstring(L, "@%s", script->path);
    vm_push_chunk(L, script->text, script->size, lua_tostring(L, -1));
    lua_pushvalue(L, -3);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 0);
    return 0;
}

enum script_end
script_run(const struct script *script, struct error *err)
{
    struct vm vm = { .cap = (size_t)script->settings->memory,
                     .stop = script->stop,
                     .fail_after = script->fail_after };
    struct running running = { .script = script,
                               .globals = { .host = script->host,
                                            .settings = script->settings } };
    enum script_end end = SCRIPT_FAILED;
    bool ok = vm_init(&vm, err);

    if (ok) {
        lua_pushcfunction(vm.L, run);
        lua_pushlightuserdata(vm.L, &running);
        ok = vm_call(&vm, 1, 0, err) && db_check_alive(running.db, err);
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
