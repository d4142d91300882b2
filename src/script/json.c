#include "script/json.h"

#include <json-c/json.h>
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "pg/text.h"
#include "script/decimal.h"
#include "script/json_encode.h"
#include "script/json_path.h"
#include "script/json_scan.h"
#include "script/value.h"
#include "script/vm.h"

#define NAME  "json.decode"
#define OWNER "luamig.json"

/* What json-c allocates is neither Lua's nor seen by its collector. */
struct owner {
    struct json_tokener *tokener;
    struct json_object *root;
};

static void push_value(lua_State *L, struct json_object *value,
                       const struct json_path *path);

static int
owner_release(lua_State *L)
{
    struct owner *owner = luaL_checkudata(L, 1, OWNER);

    json_object_put(owner->root);
    if (owner->tokener != NULL)
        json_tokener_free(owner->tokener);
    *owner = (struct owner){ 0 };
    return 0;
}

/* Closed as soon as the C function is left, by an error too. */
static struct owner *
push_owner(lua_State *L)
{
    struct owner *owner = lua_newuserdatauv(L, sizeof(*owner), 0);

    *owner = (struct owner){ 0 };
    luaL_setmetatable(L, OWNER);
    lua_toclose(L, -1);
    return owner;
}

static void
raise_unparsed(lua_State *L, struct json_tokener *tokener, size_t size)
{
    enum json_tokener_error error = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    const char *what = error == json_tokener_continue ? "unexpected end"
                                                      : json_tokener_error_desc(error);

    if (end >= size)
        what = "unexpected end";
    json_path_raise(L, NAME, NULL, "%s at %d", what, (int)(end < size ? end : size) + 1);
}

/* With the NUL behind it, so that json-c sees a number end. */
static void
parse(lua_State *L, struct owner *owner, const char *text, size_t size)
{
    owner->tokener = json_tokener_new_ex(JSON_DEPTH + 2);
    if (owner->tokener == NULL)
        luaL_error(L, "not enough memory");
    json_tokener_set_flags(owner->tokener, JSON_TOKENER_STRICT);
    owner->root = json_tokener_parse_ex(owner->tokener, text, (int)size + 1);
    if (json_tokener_get_error(owner->tokener) != json_tokener_success ||
        json_tokener_get_parse_end(owner->tokener) != size)
        raise_unparsed(L, owner->tokener, size);
}

static void
push_double(lua_State *L, struct json_object *value, const struct json_path *path)
{
    const char *text = json_object_get_userdata(value); /* as it was written */
    double number = json_object_get_double(value);
    char digits[TEXT_FLOAT];

    if (isfinite(number)) {
        text_float(number, digits);
        if (decimal_equal(text, digits)) {
            lua_pushnumber(L, number);
            return;
        }
    }
    lua_pushlstring(L, text, strnlen(text, 60));
    json_path_raise(L, NAME, path, "%s%s cannot be held exactly; keep it as text",
                    lua_tostring(L, -1), strlen(text) > 60 ? "..." : "");
}

static void
push_array(lua_State *L, struct json_object *array, const struct json_path *path)
{
    size_t count = json_object_array_length(array);
    struct json_path step = { .up = path };

    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        step.index = i + 1;
        push_value(L, json_object_array_get_idx(array, i), &step);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    value_set_array(L, -1);
}

static void
push_object(lua_State *L, struct json_object *object, const struct json_path *path)
{
    struct json_object_iterator at = json_object_iter_begin(object),
                                end = json_object_iter_end(object);
    struct json_path step = { .up = path };

    lua_createtable(L, 0, json_object_object_length(object));
    while (!json_object_iter_equal(&at, &end)) {
        step.key = json_object_iter_peek_name(&at);
        lua_pushstring(L, step.key);
        push_value(L, json_object_iter_peek_value(&at), &step);
        lua_rawset(L, -3);
        json_object_iter_next(&at);
    }
}

static void
push_value(lua_State *L, struct json_object *value, const struct json_path *path)
{
    luaL_checkstack(L, 8, NAME);
    switch (json_object_get_type(value)) {
    case json_type_null: value_push_null(L); break;
    case json_type_boolean: lua_pushboolean(L, json_object_get_boolean(value)); break;
    case json_type_double: push_double(L, value, path); break;
    case json_type_int: lua_pushinteger(L, json_object_get_int64(value)); break;
    case json_type_object: push_object(L, value, path); break;
    case json_type_array: push_array(L, value, path); break;
    case json_type_string:
        lua_pushlstring(L, json_object_get_string(value),
                        (size_t)json_object_get_string_len(value));
        break;
    }
}

/* json.decode(text) */
static int
decode(lua_State *L)
{
    struct json_fault fault;
    struct owner *owner;
    const char *text;
    size_t size;

    luaL_checktype(L, 1, LUA_TSTRING);
    text = lua_tolstring(L, 1, &size);
    luaL_argcheck(L, size < INT_MAX, 1, "is too long");
    if (!json_scan(text, size, &fault))
        return json_path_raise(L, NAME, NULL, "%s at %d", fault.what, (int)fault.at);
    owner = push_owner(L);
    parse(L, owner, text, size);
    push_value(L, owner->root, NULL);
    return 1;
}

void
json_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "encode", json_encode },
        { "decode", decode },
        { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__gc", owner_release },
        { "__close", owner_release },
        { NULL, NULL },
    };

    vm_new_type(L, OWNER, meta);
    luaL_newlib(L, functions);
}
