#include "script/raise.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/vm.h"

#define TYPE       "luamig.error"
#define MAX_FRAMES 8
#define OWN_PATH   "lua/luamig/" /* of chunks of luamig itself */
#define OWN        "@" OWN_PATH

/* The next frame of the project's Lua from *level on; *level is then behind it. */
static bool
next_frame(lua_State *L, int *level, lua_Debug *ar)
{
    while (lua_getstack(L, (*level)++, ar)) {
        lua_getinfo(L, "Sl", ar);
        if (ar->currentline > 0 && ar->source[0] == '@' &&
            strncmp(ar->source, OWN, strlen(OWN)) != 0)
            return true;
    }
    return false;
}

static void
add_callers(lua_State *L, int level, struct error *err)
{
    lua_Debug ar;
    size_t len = strlen(err->where);

    for (int n = 0; n < MAX_FRAMES && next_frame(L, &level, &ar); n++) {
        const char *lead = n > 0 ? ", " : len > 0 ? "\ncalled from " : "called from ";
        int wrote = snprintf(err->where + len, sizeof(err->where) - len, "%s%s:%d", lead,
                             ar.source + 1, ar.currentline);

        if (wrote < 0 || (size_t)wrote >= sizeof(err->where) - len) {
            err->where[len] = '\0';
            return;
        }
        len += (size_t)wrote;
    }
}

void
raise_place(lua_State *L, struct error *err)
{
    lua_Debug ar;
    int level = 0;

    if (err->place.file[0] != '\0' || !next_frame(L, &level, &ar))
        return;
    error_at(err, ar.source + 1, (size_t)ar.currentline, 0);
    add_callers(L, level, err);
}

static struct error *
push(lua_State *L)
{
    struct error *err = lua_newuserdatauv(L, sizeof(*err), 0);

    memset(err, 0, sizeof(*err));
    luaL_setmetatable(L, TYPE);
    return err;
}

void
raise_push(lua_State *L, const struct error *err)
{
    *push(L) = *err;
}

int
raise_error(lua_State *L, const struct error *err)
{
    struct error *copy = push(L);

    *copy = *err;
    raise_place(L, copy);
    return lua_error(L);
}

const struct error *
raise_caught(lua_State *L, int index)
{
    return luaL_testudata(L, index, TYPE);
}

/* The colon behind the chunk of "chunk:3: message"; NULL: it is no such text. */
static const char *
place_colon(const char *text, unsigned long *line, const char **rest)
{
    const char *colon = strchr(text, ':');
    const char *newline = strchr(text, '\n');
    char *end;

    for (; colon != NULL; colon = strchr(colon + 1, ':')) {
        *line = strtoul(colon + 1, &end, 10);
        if (*line > 0 && strncmp(end, ": ", 2) == 0)
            break;
    }
    if (colon == NULL || (newline != NULL && newline < colon))
        return NULL;
    *rest = end + 2;
    return colon;
}

/*
 * luaL_error() and error() write "chunk:3: message", coroutine.wrap() puts another place
 * before it: the last one is meant. The chunk's name may be cut in front; a frame that is
 * still there knows better.
 */
static void
split_message(lua_State *L, struct error *err)
{
    const char *text = err->message, *colon, *rest;
    char copy[sizeof(err->message)], file[sizeof(err->place.file)] = "";
    unsigned long line = 0, found;

    while ((colon = place_colon(text, &found, &rest)) != NULL) {
        snprintf(file, sizeof(file), "%.*s", (int)(colon - text), text);
        line = found;
        text = rest;
    }
    if (file[0] == '\0')
        return;
    raise_place(L, err);
    if (err->place.line != line && strncmp(file, OWN_PATH, strlen(OWN_PATH)) != 0)
        error_at(err, file, line, 0);
    snprintf(copy, sizeof(copy), "%s", text);
    error_text(err->message, sizeof(err->message), copy);
}

/* A table's field message, or what tostring() makes of the value. */
static const char *
text_of(lua_State *L)
{
    if (lua_istable(L, 1) && lua_getfield(L, 1, "message") == LUA_TSTRING)
        return lua_tostring(L, -1);
    if (lua_istable(L, 1) && luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
        return "a table without a field 'message' was raised";
    if (lua_isnil(L, 1))
        return "error() was called without a message";
    return luaL_tolstring(L, 1, NULL);
}

int
raise_handler(lua_State *L)
{
    struct error *err;

    lua_settop(L, 1);
    if (raise_caught(L, 1) != NULL)
        return 1;
    err = push(L);
    error_set(err, ERROR_SCRIPT, "%s", text_of(L));
    if (lua_type(L, 1) == LUA_TSTRING)
        split_message(L, err);
    raise_place(L, err);
    lua_settop(L, 2);
    return 1;
}

static int
to_string(lua_State *L)
{
    const struct error *err = luaL_checkudata(L, 1, TYPE);

    lua_pushstring(L, err->message);
    return 1;
}

/* "12:30", as far as it is known. */
static void
add_position(luaL_Buffer *text, const char *lead, const struct error_place *place)
{
    char numbers[64];

    if (place->line > 0 && place->column > 0)
        snprintf(numbers, sizeof(numbers), "%s%zu:%zu", lead, place->line, place->column);
    else
        snprintf(numbers, sizeof(numbers), "%s%zu", lead, place->line);
    if (place->line > 0)
        luaL_addstring(text, numbers);
}

static void
add_line(luaL_Buffer *text, const char *label, const char *line)
{
    if (line[0] == '\0')
        return;
    luaL_addstring(text, label);
    luaL_addstring(text, line);
}

static int
say_all(lua_State *L)
{
    const struct error *err = luaL_checkudata(L, 1, TYPE);
    luaL_Buffer text;

    luaL_buffinit(L, &text);
    if (err->place.file[0] != '\0') {
        luaL_addstring(&text, err->place.file);
        add_position(&text, ":", &err->place);
        luaL_addstring(&text, ": ");
    }
    luaL_addstring(&text, err->message);
    if (err->sqlstate[0] != '\0') {
        add_line(&text, " [", err->sqlstate);
        luaL_addchar(&text, ']');
    }
    if (err->sql.line > 0) {
        add_position(&text, "\n  in its SQL, line ", &err->sql);
        add_line(&text, ": ", err->sql.text);
    }
    add_line(&text, "\n  ", err->object);
    add_line(&text, "\n  detail: ", err->detail);
    add_line(&text, "\n  context: ", err->where);
    add_line(&text, "\n  hint: ", err->hint);
    luaL_pushresult(&text);
    return 1;
}

void
raise_say_all(lua_State *L)
{
    luaL_getmetatable(L, TYPE);
    lua_pushcfunction(L, say_all);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}

static int
field_where(lua_State *L, const struct error *err)
{
    if (err->place.file[0] == '\0')
        lua_pushstring(L, err->where);
    else
        lua_pushfstring(L, "%s:%d", err->place.file, (int)err->place.line);
    return 1;
}

/* The place's file, line and column; nothing where it is not known. */
static int
field_place(lua_State *L, const struct error_place *place, const char *key)
{
    size_t number = strcmp(key, "line") == 0 ? place->line : place->column;

    if (strcmp(key, "file") == 0 && place->file[0] != '\0')
        lua_pushstring(L, place->file);
    else if (strcmp(key, "file") != 0 && number > 0)
        lua_pushinteger(L, (lua_Integer)number);
    else
        lua_pushnil(L);
    return 1;
}

static int
get_field(lua_State *L)
{
    const struct error *err = luaL_checkudata(L, 1, TYPE);
    const char *key = luaL_checkstring(L, 2);
    const struct {
        const char *key, *text;
    } fields[] = {
        { "message", err->message },
        { "sqlstate", err->sqlstate },
        { "detail", err->detail },
        { "hint", err->hint },
    };

    if (strcmp(key, "where") == 0)
        return field_where(L, err);
    if (strcmp(key, "file") == 0 || strcmp(key, "line") == 0 ||
        strcmp(key, "column") == 0)
        return field_place(L, &err->place, key);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(key, fields[i].key) == 0) {
            lua_pushstring(L, fields[i].text);
            return 1;
        }
    }
    return 0;
}

void
raise_open(lua_State *L)
{
    static const luaL_Reg meta[] = {
        { "__tostring", to_string },
        { "__index", get_field },
        { NULL, NULL },
    };

    vm_new_type(L, TYPE, meta);
}
