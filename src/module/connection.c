#include "module/connection.h"

#include <lauxlib.h>
#include <string.h>

#include "base/digest.h"
#include "pg/exec.h"
#include "pg/session.h"
#include "script/db.h"
#include "script/raise.h"

/* The userdata. */
struct connection {
    struct db db; /* first: it is what the methods of db find */
    struct host host;
    struct arena arena;
    struct settings settings;
    struct stop stop;
    struct server server;
    char run[9];
};

static bool
begin(void *ctx, struct error *err)
{
    struct connection *c = ctx;

    return exec_command(&c->server.work, "BEGIN", NULL, err);
}

/* There is no migration, so the step is never named. */
static bool
commit(void *ctx, const char *step, struct error *err)
{
    struct connection *c = ctx;

    (void)step;
    return exec_commit(&c->server.work, err);
}

/* The userdata is where it stays. */
static void
prepare(struct connection *c, const char *url)
{
    digest_random_hex(c->run, 8);
    c->settings.database = arena_strdup(&c->arena, url);
    c->server = (struct server){
        .settings = &c->settings, .run = c->run, .command = "lua", .stop = &c->stop
    };
    conninfo_secrets(&c->server.secrets, url);
    c->host = (struct host){
        .ctx = c, .work = &c->server.work, .begin = begin, .commit = commit
    };
}

struct connection *
connection_push(lua_State *L, const char *url)
{
    struct connection *c = lua_newuserdatauv(L, sizeof(*c), 1);
    struct error err = { 0 };

    memset(c, 0, sizeof(*c));
    c->db = (struct db){ .folder = ".", .ended = "db is used after it was closed" };
    luaL_setmetatable(L, DB_TYPE);
    prepare(c, url);
    if (!conninfo_check(url, &err) || !session_open(&c->server, SESSION_WORK, &err))
        raise_error(L, &err);
    c->db.host = &c->host;
    return c;
}

void
connection_close(struct connection *c)
{
    db_detach(&c->db);
    server_close(&c->server);
    arena_release(&c->arena);
}

void
connection_check_idle(lua_State *L, const struct connection *c, const char *what)
{
    if (c->db.running > 0)
        luaL_error(L, "%s inside of db:transaction or db:try", what);
}

int
connection_connect(lua_State *L)
{
    connection_push(L, luaL_checkstring(L, 1));
    return 1;
}

/* db:close(), and what `local db <close>` does */
static int
close(lua_State *L)
{
    struct connection *c = luaL_checkudata(L, 1, DB_TYPE);

    connection_check_idle(L, c, "db:close");
    connection_close(c);
    return 0;
}

static int
collect(lua_State *L)
{
    connection_close(luaL_checkudata(L, 1, DB_TYPE));
    return 0;
}

void
connection_register(lua_State *L)
{
    static const luaL_Reg meta[] = {
        { "__gc", collect },
        { "__close", close },
        { NULL, NULL },
    };
    static const char *const migrations_only[] = { "step", "backfill" };

    luaL_getmetatable(L, DB_TYPE);
    luaL_setfuncs(L, meta, 0);
    lua_getfield(L, -1, "__index");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "close");
    for (size_t i = 0; i < sizeof(migrations_only) / sizeof(migrations_only[0]); i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, migrations_only[i]);
    }
    lua_pop(L, 2);
}
