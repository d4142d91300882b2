#include "script/json_path.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>

static bool
is_name(const char *key)
{
    if (!isalpha((unsigned char)*key) && *key != '_')
        return false;
    while (isalnum((unsigned char)*key) || *key == '_')
        key++;
    return *key == '\0';
}

static void
add_step(luaL_Buffer *out, const struct json_path *path)
{
    char index[32];

    if (path->key == NULL) {
        snprintf(index, sizeof(index), "[%zu]", path->index);
        luaL_addstring(out, index);
        return;
    }
    luaL_addstring(out, is_name(path->key) ? "." : "[\"");
    luaL_addstring(out, path->key);
    luaL_addstring(out, is_name(path->key) ? "" : "\"]");
}

static void
add_path(luaL_Buffer *out, const struct json_path *path)
{
    if (path == NULL)
        return;
    add_path(out, path->up);
    add_step(out, path);
}

int
json_path_raise(lua_State *L, const char *function, const struct json_path *path,
                const char *fmt, ...)
{
    luaL_Buffer text;
    va_list ap;

    luaL_checkstack(L, 8, NULL);
    luaL_where(L, 1);
    lua_pushfstring(L, "%s: ", function);
    luaL_buffinit(L, &text);
    add_path(&text, path);
    luaL_addstring(&text, path != NULL ? ": " : "");
    luaL_pushresult(&text);
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_concat(L, 4);
    return lua_error(L);
}
