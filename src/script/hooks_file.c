#include "script/hooks_file.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/fs.h"
#include "base/words.h"
#include "script/command.h"
#include "script/db.h"
#include "script/field.h"
#include "script/raise.h"

static const char *const events[] = { "before_run",      "after_run",  "before_migration",
                                      "after_migration", "on_failure", NULL };

const char *
hooks_file_event(enum hook_event event)
{
    return events[event];
}

/* Makes the globals those of hooks. */
static int
open_globals(lua_State *L)
{
    const struct globals *globals = lua_touserdata(L, 1);

    luaL_openlibs(L);
    globals_open(L);
    globals_push_embedded(L, "luamig.hooks");
    lua_getfield(L, -1, "open");
    lua_pushglobaltable(L);
    globals_push(L, globals);
    command_push(L, globals);
    lua_setfield(L, -2, "run");
    globals_push_embedded(L, "luamig.sandbox");
    lua_call(L, 3, 0);
    return 0;
}

/* The index of the event whose name is at index; raises if it is none. */
static enum hook_event
check_event(lua_State *L, int index)
{
    const char *name = luaL_tolstring(L, index, NULL);
    const char *nearest = words_nearest(name, events);
    struct error err = { 0 };
    int event = HOOK_BEFORE_RUN;

    while (event < HOOK_EVENTS && strcmp(events[event], name) != 0)
        event++;
    lua_pop(L, 1); /* the key itself is a string, if it is one of them */
    if (event < HOOK_EVENTS)
        return (enum hook_event)event;
    error_set(&err, ERROR_SCRIPT, "unknown event '%s'", name);
    if (nearest != NULL)
        error_hint(&err, "Did you mean '%s'?", nearest);
    else
        error_hint(&err, "There are before_run, after_run, before_migration, "
                         "after_migration and on_failure.");
    raise_error(L, &err);
    return HOOK_EVENTS;
}

static void
bad_value(lua_State *L, enum hook_event event)
{
    luaL_error(L, "%s must be a function or a list of functions", events[event]);
}

/* Makes a list of what is on top, the event's function or list of them. */
static void
make_list(lua_State *L, enum hook_event event)
{
    size_t seen = 0;

    if (lua_isfunction(L, -1)) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -2);
        lua_rawseti(L, -2, 1);
        lua_replace(L, -2);
    }
    if (!lua_istable(L, -1))
        bad_value(L, event);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        if (!lua_isfunction(L, -1))
            bad_value(L, event);
        seen++;
    }
    if (seen != lua_rawlen(L, -1))
        bad_value(L, event);
}

void
hooks_file_check(lua_State *L)
{
    if (!lua_istable(L, -1))
        luaL_error(L, "it must return a table from event to function");
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
        enum hook_event event = check_event(L, -2);

        make_list(L, event);
        lua_setfield(L, -3, events[event]); /* its own, so that lua_next() goes on */
    }
}

/* Called with what the file returned. */
static int
take_table(lua_State *L)
{
    struct hooks_file *file = lua_touserdata(L, 2);

    lua_pushvalue(L, 1);
    hooks_file_check(L);
    for (int event = 0; event < HOOK_EVENTS; event++) {
        if (lua_getfield(L, 1, events[event]) != LUA_TNIL)
            file->counts[event] = lua_rawlen(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &file->counts[event]);
    }
    return 0;
}

static bool
evaluate(struct hooks_file *file, const struct fs_text *text, const char *chunk,
         struct error *err)
{
    struct vm *vm = &file->vm;

    if (!vm_init(vm, err))
        return false;
    lua_pushcfunction(vm->L, open_globals);
    lua_pushlightuserdata(vm->L, &file->globals);
    if (!vm_call(vm, 1, 0, err) || !vm_load(vm, text->bytes, text->size, chunk, err) ||
        !vm_call(vm, 0, 1, err))
        return false;
    lua_pushcfunction(vm->L, take_table);
    lua_insert(vm->L, -2);
    lua_pushlightuserdata(vm->L, file);
    return vm_call(vm, 2, 0, err);
}

bool
hooks_file_open(struct hooks_file *file, const char *path,
                const struct settings *settings, const struct host *host,
                const struct stop *stop, struct error *err)
{
    struct arena arena = { 0 };
    struct fs_text text;
    bool ok;

    file->vm = (struct vm){ .cap = (size_t)settings->memory,
                            .stop = stop,
                            .fail_after = file->fail_after };
    file->globals = (struct globals){ .host = host, .stop = stop, .settings = settings };
    ok = fs_read(path, &arena, &text, err) &&
         evaluate(file, &text, arena_printf(&arena, "@%s", path), err);
    arena_release(&arena);
    if (!ok && err->place.file[0] == '\0')
        error_at(err, path, 0, 0);
    return ok;
}

void
hooks_file_close(struct hooks_file *file)
{
    vm_release(&file->vm);
}

static void
push_run(lua_State *L, const struct hook_run *run)
{
    lua_createtable(L, 0, 9);
    field_set_text(L, "id", run->id);
    field_set_text(L, "command", run->command);
    field_set_text(L, "direction", run->direction);
    field_set_text(L, "database", run->database);
    field_set_text(L, "host", run->host);
    field_set_text(L, "user", run->user);
    field_set_text(L, "started", run->started);
    globals_push_names(L, run->environments);
    lua_setfield(L, -2, "environments");
    field_set_boolean(L, "background", run->background);
}

static void
push_plan(lua_State *L, const struct hook_call *call)
{
    lua_createtable(L, (int)call->plan_count, 0);
    for (size_t i = 0; i < call->plan_count; i++) {
        lua_createtable(L, 0, 2);
        field_set_text(L, "name", call->plan[i].name);
        if (call->plan[i].has_version)
            field_set_integer(L, "version", call->plan[i].version);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* The table that a hook is called with, but for its db. */
static void
push_facts(lua_State *L, const struct hook_call *call)
{
    lua_createtable(L, 0, 8);
    field_set_text(L, "event", events[call->event]);
    push_run(L, call->run);
    lua_setfield(L, -2, "run");
    push_plan(L, call);
    lua_setfield(L, -2, "plan");
    if (call->migration != NULL) {
        globals_push_migration(L, call->migration);
        lua_setfield(L, -2, "migration");
        field_set_integer(L, "attempt", (lua_Integer)call->migration->attempt);
    }
    if (call->duration >= 0) {
        lua_pushnumber(L, (lua_Number)call->duration / 1000);
        lua_setfield(L, -2, "duration");
    }
    if (call->error != NULL) {
        raise_push(L, call->error);
        lua_setfield(L, -2, "error");
    }
}

struct calling {
    const struct hooks_file *file;
    const struct hook_call *call;
    size_t n;
    struct db *db;
};

static int
call_function(lua_State *L)
{
    struct calling *calling = lua_touserdata(L, 1);
    const struct hook_call *call = calling->call;

    lua_rawgetp(L, LUA_REGISTRYINDEX, &calling->file->counts[call->event]);
    lua_rawgeti(L, -1, (lua_Integer)calling->n + 1);
    push_facts(L, call);
    calling->db = db_push(L, call->host);
    calling->db->ended = "db is used after its hook has ended";
    calling->db->folder = calling->file->globals.settings->dir;
    if (call->no_db != NULL) {
        calling->db->failed = true;
        calling->db->error = *call->no_db;
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, calling->file); /* until the next one's */
    lua_setfield(L, -2, "db");
    lua_call(L, 1, 0);
    return 0;
}

enum script_end
hooks_file_call(struct hooks_file *file, size_t n, const struct hook_call *call,
                struct error *err)
{
    struct calling calling = { .file = file, .call = call, .n = n };
    enum script_end end = SCRIPT_FAILED;
    bool ok;

    file->globals.host = call->host;
    file->globals.stop = file->vm.stop = call->stop;
    lua_pushcfunction(file->vm.L, call_function);
    lua_pushlightuserdata(file->vm.L, &calling);
    ok = vm_call(&file->vm, 1, 0, err) &&
         (call->no_db != NULL || db_check_alive(calling.db, err));
    if (ok)
        end = SCRIPT_DONE;
    if (calling.db != NULL && calling.db->stray)
        end = SCRIPT_STRAY;
    if (calling.db != NULL)
        db_detach(calling.db);
    return end;
}
