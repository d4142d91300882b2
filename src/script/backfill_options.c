#include "script/backfill_options.h"

#include <lauxlib.h>
#include <string.h>

#include "backfill/pace.h"
#include "base/arena.h"
#include "base/words.h"
#include "plan/sqlkind.h"
#include "plan/sqlscan.h"

#define OPTIONS   2 /* stack indices */
#define KEPT      3
#define MOST_KEYS 32
#define MOST_SETS 200

static const char *const known[] = { "name",   "table",  "key",    "where",
                                     "read",   "set",    "map",    "sql",
                                     "each",   "size",   "target", "throttle",
                                     "errors", "verify", "again",  NULL };

static void
check_names(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, OPTIONS) != 0) {
        const char *near,
            *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        size_t i = 0;

        lua_pop(L, 1);
        if (lua_isinteger(L, -1) && lua_tointeger(L, -1) == 1)
            continue;
        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] != NULL)
            continue;
        near = words_nearest(name, known);
        luaL_error(L, "db:backfill has no option '%s'%s%s%s", luaL_tolstring(L, -1, NULL),
                   near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
                   near != NULL ? "'?" : "");
    }
}

/* Keeps the string on top as long as the table of kept ones, and pops it. */
static const char *
keep(lua_State *L)
{
    const char *text = lua_tostring(L, -1);

    lua_rawseti(L, KEPT, (lua_Integer)lua_rawlen(L, KEPT) + 1);
    return text;
}

/* A text; NULL: it is not given. */
static const char *
text(lua_State *L, const char *name)
{
    size_t len;
    const char *value;

    if (lua_getfield(L, OPTIONS, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "db:backfill: %s is no string", name);
    value = lua_tolstring(L, -1, &len);
    if (strlen(value) != len || value[strspn(value, " \t\n")] == '\0')
        luaL_error(L, "db:backfill: %s is empty, or holds a zero byte", name);
    return keep(L);
}

/* A list of names, or one; its length in *count. */
static const char *const *
names(lua_State *L, const char *field, size_t most, size_t *count)
{
    int type = lua_getfield(L, OPTIONS, field), list = lua_gettop(L);
    const char **result;

    *count = type == LUA_TNIL ? 0 : type == LUA_TSTRING ? 1 : lua_rawlen(L, list);
    if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TTABLE)
        luaL_error(L, "db:backfill: %s is no list of column names", field);
    if (*count > most || (type != LUA_TNIL && *count == 0))
        luaL_error(L, "db:backfill: %s names %d columns", field, (int)*count);
    result = lua_newuserdatauv(L, (*count + 1) * sizeof(*result), 0);
    lua_rawseti(L, KEPT, (lua_Integer)lua_rawlen(L, KEPT) + 1);
    for (size_t i = 0; i < *count; i++) {
        if (type == LUA_TSTRING)
            lua_pushvalue(L, list);
        else if (lua_rawgeti(L, list, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "db:backfill: %s is no list of column names", field);
        result[i] = keep(L);
    }
    lua_pop(L, 1);
    return result;
}

static int64_t
integer(lua_State *L, const char *name, int64_t fallback, int64_t least)
{
    int is = 1;
    lua_Integer value = fallback;

    if (lua_getfield(L, OPTIONS, name) != LUA_TNIL)
        value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &is) : (is = 0);
    if (!is || value < least)
        luaL_error(L, "db:backfill: %s is no whole number from %d on", name, (int)least);
    lua_pop(L, 1);
    return value;
}

/* "250ms" */
static int64_t
duration(lua_State *L, const char *name, int64_t fallback)
{
    int64_t ms = fallback;

    if (lua_getfield(L, OPTIONS, name) != LUA_TNIL &&
        (lua_type(L, -1) != LUA_TSTRING || !words_duration(lua_tostring(L, -1), &ms)))
        luaL_error(L, "db:backfill: %s is no duration: write %s = \"250ms\"", name, name);
    lua_pop(L, 1);
    return ms;
}

/* throttle = { replica_lag = "5s" } */
static int64_t
replica_lag(lua_State *L)
{
    int64_t ms = 0;
    int type = lua_getfield(L, OPTIONS, "throttle"), list = lua_gettop(L);

    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "db:backfill: write throttle = { replica_lag = \"5s\" }");
    lua_pushnil(L);
    while (type == LUA_TTABLE && lua_next(L, list) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING ||
            strcmp(lua_tostring(L, -2), "replica_lag") != 0)
            luaL_error(L, "db:backfill: throttle has no '%s': write replica_lag",
                       luaL_tolstring(L, -2, NULL));
        if (lua_type(L, -1) != LUA_TSTRING || !words_duration(lua_tostring(L, -1), &ms) ||
            ms == 0)
            luaL_error(L, "db:backfill: replica_lag is no duration: write replica_lag = "
                          "\"5s\"");
        lua_pop(L, 1);
    }
    lua_settop(L, list - 1);
    return ms;
}

static bool
boolean(lua_State *L, const char *name)
{
    int type = lua_getfield(L, OPTIONS, name);
    bool value = lua_toboolean(L, -1);

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        luaL_error(L, "db:backfill: %s is no boolean", name);
    lua_pop(L, 1);
    return value;
}

static const char *
name_of(lua_State *L)
{
    if (lua_rawgeti(L, OPTIONS, 1) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_getfield(L, OPTIONS, "name");
    }
    if (lua_type(L, -1) != LUA_TSTRING || lua_tostring(L, -1)[0] == '\0')
        luaL_error(L, "db:backfill has no name: write db:backfill { \"name\", ... }");
    return keep(L);
}

/* Which of the three it is; its function is pushed, or nil. */
static enum backfill_kind
kind_of(lua_State *L, const struct backfill_spec *spec)
{
    bool map = lua_getfield(L, OPTIONS, "map") != LUA_TNIL;
    bool each = lua_getfield(L, OPTIONS, "each") != LUA_TNIL;

    if (map + each + (spec->sql != NULL) != 1)
        luaL_error(L, "db:backfill '%s': give one of map, sql and each", spec->name);
    lua_remove(L, map ? -1 : -2);
    if ((map || each) && !lua_isfunction(L, -1))
        luaL_error(L, "db:backfill '%s': %s is no function", spec->name,
                   map ? "map" : "each");
    return map ? BACKFILL_MAP : each ? BACKFILL_EACH : BACKFILL_SQL;
}

/* Options that another kind has would be passed over in silence. */
static void
check_kind(lua_State *L, const struct backfill_spec *spec)
{
    const struct target_request *t = &spec->target;

    if (spec->kind == BACKFILL_MAP && t->set_count == 0)
        luaL_error(L,
                   "db:backfill '%s': set is missing: name the columns that map returns",
                   spec->name);
    if (spec->kind != BACKFILL_MAP && t->set_count > 0)
        luaL_error(L, "db:backfill '%s': set is for map", spec->name);
    if (spec->kind == BACKFILL_SQL && (t->read_count > 0 || spec->where != NULL))
        luaL_error(L, "db:backfill '%s': the statement in sql has its own %s", spec->name,
                   spec->where != NULL ? "WHERE" : "columns: read is for map and each");
}

static const char *
wrong_statement(const char *sql, struct arena *arena)
{
    struct sql_statements statements;
    struct sql_class class;
    struct error err = { 0 };

    if (strstr(sql, "{range}") == NULL && strstr(sql, "{range:") == NULL)
        return "has no {range}: write ... WHERE {range}";
    if (!sqlscan_split(sql, strlen(sql), arena, &statements, &err) ||
        statements.count != 1)
        return "is not one statement";
    sqlkind_classify(sql, strlen(sql), arena, &class);
    if (class.kind != SQL_ORDINARY || class.copy_in || class.copy_out)
        return "is no statement for a batch";
    return NULL;
}

static void
check_sql(lua_State *L, const struct backfill_spec *spec)
{
    struct arena arena = { 0 };
    const char *wrong;

    if (spec->sql == NULL)
        return;
    wrong = wrong_statement(spec->sql, &arena);
    arena_release(&arena);
    if (wrong != NULL)
        luaL_error(L, "db:backfill '%s': sql %s", spec->name, wrong);
}

void
backfill_options(lua_State *L, struct backfill_spec *spec)
{
    struct target_request *t = &spec->target;

    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_settop(L, OPTIONS);
    lua_newtable(L);
    *spec = (struct backfill_spec){ .name = name_of(L) };
    check_names(L);
    t->table = text(L, "table");
    if (t->table == NULL)
        luaL_error(L, "db:backfill '%s': table is missing", spec->name);
    t->key = names(L, "key", MOST_KEYS, &t->key_count);
    t->read = names(L, "read", MOST_SETS, &t->read_count);
    t->set = names(L, "set", MOST_SETS, &t->set_count);
    spec->where = text(L, "where");
    spec->verify = text(L, "verify");
    spec->sql = text(L, "sql");
    spec->size = integer(L, "size", PACE_FIRST, 1);
    spec->pace = duration(L, "target", PACE_TARGET);
    spec->replica_lag = replica_lag(L);
    spec->errors = integer(L, "errors", 0, 0);
    spec->again = boolean(L, "again");
    spec->kind = kind_of(L, spec);
    check_kind(L, spec);
    check_sql(L, spec);
}
