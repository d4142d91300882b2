#include "module/scratch.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "engine/run.h"
#include "engine/run_down.h"
#include "module/connection.h"
#include "module/database.h"
#include "module/options.h"
#include "module/status.h"
#include "pg/conninfo.h"
#include "script/raise.h"
#include "script/vm.h"

#define TYPE "luamig.scratch"

/* The userdata; its user value is the db, whose user value is the scratch. */
struct scratch {
    struct arena arena; /* of the settings */
    struct arena work;  /* of one call */
    struct settings settings;
    struct stop stop;
    const char *server; /* LUAMIG_TEST_URL */
    char name[32];
    struct connection *db;
    bool made; /* the database is there */
};

static bool
drop(struct scratch *s, struct error *err)
{
    if (s->db != NULL)
        connection_close(s->db);
    s->db = NULL;
    if (s->made && !database_drop(s->server, s->name, err))
        return false;
    s->made = false;
    return true;
}

static struct scratch *
check(lua_State *L, const char *call)
{
    struct scratch *s = luaL_checkudata(L, 1, TYPE);

    if (!s->made)
        luaL_error(L, "%s: the scratch database was dropped", call);
    connection_check_idle(L, s->db, call);
    arena_release(&s->work);
    return s;
}

/* What stands wrong in the folder, each problem a line. */
struct report {
    char text[1024];
};

static void
on_event(void *ctx, const struct event *event)
{
    struct report *report = ctx;
    size_t len = strlen(report->text);
    const struct problem *p = event->problem;

    if (event->kind != EVENT_PROBLEM || p->level != PROBLEM_ERROR)
        return;
    snprintf(report->text + len, sizeof(report->text) - len, "%s%s%s%s",
             len > 0 ? "\n" : "", p->file != NULL ? p->file : "",
             p->file != NULL ? ": " : "", p->message);
}

/* Behind a run that failed for several problems the error says which. */
static int
raise(lua_State *L, const struct report *report, struct error *err)
{
    if (err->detail[0] == '\0' && strchr(report->text, '\n') != NULL)
        error_text(err->detail, sizeof(err->detail), report->text);
    return raise_error(L, err);
}

static lua_Integer
up(lua_State *L, struct scratch *s, const struct plan_request *request)
{
    struct report report = { "" };
    struct observer observer = { on_event, &report };
    struct run_summary summary;
    struct error err = { 0 };
    bool ok =
        run_up(&s->settings, request, &observer, &s->stop, &s->work, &summary, &err);

    s->stop = (struct stop){ 0 };
    arena_release(&s->work);
    if (!ok)
        raise(L, &report, &err);
    return (lua_Integer)summary.applied;
}

/* Version 0 is what is there before the first one, unless there is such a file. */
static bool
is_nothing(struct scratch *s, int64_t version)
{
    struct problems problems = { 0 };
    struct source source;
    struct error ignored = { 0 };

    return version == 0 &&
           source_open(&s->settings, &s->work, &source, &problems, &ignored) &&
           source_find(&source, 0) == NULL;
}

/* What the table at index 2 asks for; *only is where its version is kept. */
static struct plan_request
read_request(lua_State *L, int64_t *only)
{
    static const char *const known[] = { "to", "only", "background", NULL };
    struct plan_request request = { .only = only };
    lua_Integer to = 0, version = 0;

    options_check(L, 2, "scratch:up", known);
    request.has_to = options_integer(L, 2, "scratch:up", "to", &to);
    request.to = to;
    request.only_count = options_integer(L, 2, "scratch:up", "only", &version);
    *only = version;
    lua_getfield(L, 2, "background");
    request.background = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (request.only_count > 0 && (request.has_to || request.background))
        luaL_error(L, "scratch:up: only does not go with to or background");
    return request;
}

/* scratch:up { to =, only =, background = } -> how many were applied */
static int
scratch_up(lua_State *L)
{
    struct scratch *s = check(L, "scratch:up");
    int64_t only;
    struct plan_request request = read_request(L, &only);

    if (request.has_to && is_nothing(s, request.to))
        lua_pushinteger(L, 0);
    else
        lua_pushinteger(L, up(L, s, &request));
    return 1;
}

/* scratch:down { to = } -> how many were undone; without to the last one applied */
static int
scratch_down(lua_State *L)
{
    static const char *const known[] = { "to", NULL };
    struct scratch *s = check(L, "scratch:down");
    struct down_request request = { .count = 1 };
    struct report report = { "" };
    struct observer observer = { on_event, &report };
    struct run_summary summary;
    struct error err = { 0 };
    lua_Integer to = 0;

    options_check(L, 2, "scratch:down", known);
    request.has_to = options_integer(L, 2, "scratch:down", "to", &to);
    request.to = to;
    request.all = request.has_to && is_nothing(s, to);
    request.has_to = request.has_to && !request.all;
    if (!run_down(&s->settings, &request, &observer, &s->stop, &s->work, &summary, &err))
        raise(L, &report, &err);
    s->stop = (struct stop){ 0 };
    arena_release(&s->work);
    lua_pushinteger(L, (lua_Integer)summary.undone);
    return 1;
}

/* scratch:status() -> a list of versions with their states, and counts by state */
static int
scratch_status(lua_State *L)
{
    struct scratch *s = check(L, "scratch:status");

    status_push(L, &s->settings, &s->work);
    arena_release(&s->work);
    return 1;
}

/* scratch:drop(): twice is fine */
static int
scratch_drop(lua_State *L)
{
    struct scratch *s = luaL_checkudata(L, 1, TYPE);
    struct error err = { 0 };

    if (s->db != NULL)
        connection_check_idle(L, s->db, "scratch:drop");
    if (!drop(s, &err))
        raise_error(L, &err);
    return 0;
}

/* A collector has nobody to tell. */
static int
collect(lua_State *L)
{
    struct scratch *s = luaL_checkudata(L, 1, TYPE);
    struct error ignored = { 0 };

    drop(s, &ignored);
    arena_release(&s->arena);
    arena_release(&s->work);
    return 0;
}

/* The field db, or a method, which is in the upvalue. */
static int
get_field(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);

    luaL_checkudata(L, 1, TYPE);
    if (strcmp(key, "db") == 0)
        lua_getiuservalue(L, 1, 1);
    else if (lua_getfield(L, lua_upvalueindex(1), key) == LUA_TNIL)
        luaL_error(L, "scratch has neither field nor method '%s'", key);
    return 1;
}

static void
create(lua_State *L, struct scratch *s)
{
    struct error err = { 0 };
    char digits[9];

    digest_random_hex(digits, 8);
    snprintf(s->name, sizeof(s->name), "luamig_scratch_%s", digits);
    if (!database_create(s->server, s->name, &err))
        raise_error(L, &err);
    s->made = true;
    s->settings.database = conninfo_with_database(s->server, s->name, &s->arena);
}

static bool
check_server(const char *url, struct error *err)
{
    if (url != NULL && url[0] != '\0')
        return conninfo_check(url, err) || error_within(err, "LUAMIG_TEST_URL");
    error_set(err, ERROR_USAGE, "luamig.scratch: LUAMIG_TEST_URL is not set");
    return error_hint(err, "Set it to a server on which databases may be made for tests: "
                           "LUAMIG_TEST_URL=postgres://postgres@localhost/postgres");
}

static void
find_server(lua_State *L, struct scratch *s)
{
    const char *url = getenv("LUAMIG_TEST_URL");
    struct error err = { 0 };

    if (!check_server(url, &err))
        raise_error(L, &err);
    s->server = arena_strdup(&s->arena, url);
}

/* Its failure leaves no database behind for the collector. */
static int
migrate(lua_State *L)
{
    struct scratch *s = lua_touserdata(L, 1);
    struct plan_request request = { .has_to = !lua_isnil(L, 2) };

    request.to = lua_tointeger(L, 2);
    if (!request.has_to || !is_nothing(s, request.to))
        up(L, s, &request);
    return 0;
}

static void
migrate_or_drop(lua_State *L, struct scratch *s)
{
    struct error ignored = { 0 };

    lua_pushcfunction(L, migrate);
    lua_pushvalue(L, 2);
    lua_getfield(L, 1, "to");
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
        return;
    drop(s, &ignored);
    lua_error(L);
}

static void
connect(lua_State *L, struct scratch *s)
{
    s->db = connection_push(L, s->settings.database);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    lua_setiuservalue(L, 2, 1);
}

int
scratch_new(lua_State *L)
{
    static const char *const extra[] = { "to", NULL };
    struct scratch *s;
    lua_Integer to;

    lua_settop(L, 1);
    s = lua_newuserdatauv(L, sizeof(*s), 1);
    memset(s, 0, sizeof(*s));
    luaL_setmetatable(L, TYPE);
    options_settings(L, "luamig.scratch", extra, &s->arena, &s->settings);
    if (lua_getfield(L, 1, "hooks") == LUA_TNIL) /* they announce, refuse, run programs */
        s->settings.hooks = NULL;
    lua_pop(L, 1);
    options_integer(L, 1, "luamig.scratch", "to", &to);
    find_server(L, s);
    create(L, s);
    connect(L, s);
    migrate_or_drop(L, s);
    lua_settop(L, 2);
    return 1;
}

void
scratch_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        { "up", scratch_up },     { "down", scratch_down }, { "status", scratch_status },
        { "drop", scratch_drop }, { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__gc", collect },
        { "__close", scratch_drop },
        { NULL, NULL },
    };

    vm_new_type(L, TYPE, meta);
    luaL_getmetatable(L, TYPE);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, get_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
