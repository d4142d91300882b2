#include "module/options.h"

#include <lauxlib.h>
#include <string.h>

#include "base/words.h"
#include "cli/settings.h"
#include "script/raise.h"
#include "script/settings_file.h"

#define MOST_NAMES 64

/* Settings that say where the database is, or belong to a terminal. */
static const char *const not_here[] = { "database", "color", "quiet", "verbose", NULL };

static bool
is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static void
refuse(lua_State *L, const char *call, const char *name, const char *const *known)
{
    const char *nearest = words_nearest(name, known);
    struct error err;

    error_set(&err, ERROR_USAGE, "%s: unknown option '%s'", call, name);
    if (nearest != NULL)
        error_hint(&err, "Did you mean '%s'?", nearest);
    raise_error(L, &err);
}

void
options_check(lua_State *L, int index, const char *call, const char *const *known)
{
    if (lua_isnoneornil(L, index)) {
        lua_newtable(L);
        if (lua_gettop(L) > index)
            lua_replace(L, index);
    }
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "%s: options have names: write %s { name = value }", call,
                       call);
        if (!is_one_of(lua_tostring(L, -2), known))
            refuse(L, call, lua_tostring(L, -2), known);
    }
}

bool
options_integer(lua_State *L, int index, const char *call, const char *name,
                lua_Integer *value)
{
    int is_integer;

    if (lua_getfield(L, index, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    *value = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || *value < 0)
        luaL_error(L, "%s: '%s' is no %s", call, luaL_tolstring(L, -1, NULL), name);
    lua_pop(L, 1);
    return true;
}

/* Pushes a copy of the table at index 1 without extra names, and with env by its name. */
static void
push_table(lua_State *L, const char *const *extra)
{
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        const char *name = lua_tostring(L, -2);

        if (is_one_of(name, extra))
            continue;
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, strcmp(name, "env") == 0 ? "environments" : name);
    }
}

void
options_settings(lua_State *L, const char *call, const char *const *extra,
                 struct arena *arena, struct settings *out)
{
    const char *known[MOST_NAMES] = { "env", "vars" };
    struct settings_file table;
    struct composed composed;
    struct error err = { 0 };
    size_t count = 2;

    for (const struct setting_spec *s = settings_specs; s->name != NULL; s++) {
        if (!is_one_of(s->name, not_here))
            known[count++] = s->name;
    }
    for (size_t i = 0; extra[i] != NULL; i++)
        known[count++] = extra[i];
    options_check(L, 1, call, known);
    push_table(L, extra);
    settings_file_take(L, -1, arena, &table);
    lua_pop(L, 1);
    if (!settings_of_table(&table, call, arena, &composed, &err))
        raise_error(L, &err);
    *out = composed.settings;
}
