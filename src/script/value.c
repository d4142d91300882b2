#include "script/value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "pg/text.h"
#include "script/vm.h"

#define NULL_TYPE  "luamig.null"
#define ARRAY_TYPE "luamig.array"
#define BYTEA_TYPE "luamig.bytea"
#define MAX_DEPTH  6 /* of an array's dimensions: PostgreSQL's MAXDIM */

static const char null_key; /* its address: where the registry keeps the one null */

/* Types that Lua has values for, by OID (pg_type.dat). */
enum type {
    BOOL = 16,
    BYTEA = 17,
    INT8 = 20,
    INT2 = 21,
    INT4 = 23,
    TEXT = 25,
    OID = 26,
    FLOAT4 = 700,
    FLOAT8 = 701
};

/* Array types and their elements; those that stay text all count as text. */
static const struct {
    Oid array, element;
} arrays[] = {
    { 1000, BOOL }, { 1001, BYTEA },  { 1016, INT8 },   { 1005, INT2 }, { 1007, INT4 },
    { 1028, OID },  { 1021, FLOAT4 }, { 1022, FLOAT8 }, { 1002, TEXT }, { 1003, TEXT },
    { 1009, TEXT }, { 1014, TEXT },   { 1015, TEXT },   { 199, TEXT },  { 3807, TEXT },
    { 1182, TEXT }, { 1183, TEXT },   { 1115, TEXT },   { 1185, TEXT }, { 1270, TEXT },
    { 1187, TEXT }, { 1231, TEXT },   { 2951, TEXT },   { 1041, TEXT }, { 651, TEXT },
};

static int
null_text(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

static int
bytea_text(lua_State *L)
{
    luaL_checkudata(L, 1, BYTEA_TYPE);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

void
value_open(lua_State *L)
{
    static const luaL_Reg null_meta[] = { { "__tostring", null_text }, { NULL, NULL } };
    static const luaL_Reg bytea_meta[] = { { "__tostring", bytea_text }, { NULL, NULL } };

    vm_new_type(L, NULL_TYPE, null_meta);
    vm_new_type(L, BYTEA_TYPE, bytea_meta);
    vm_new_type(L, ARRAY_TYPE, &null_meta[1]);
    lua_newuserdatauv(L, 0, 0);
    luaL_setmetatable(L, NULL_TYPE);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &null_key);
}

void
value_push_null(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
}

bool
value_is_null(lua_State *L, int index)
{
    return luaL_testudata(L, index, NULL_TYPE) != NULL;
}

void
value_set_array(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    luaL_setmetatable(L, ARRAY_TYPE);
    lua_pop(L, 1);
}

bool
value_is_array(lua_State *L, int index)
{
    bool is;

    if (!lua_istable(L, index) || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, ARRAY_TYPE);
    is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

static int
array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, !lua_getmetatable(L, 1) || value_is_array(L, 1), 1,
                  "has a metatable");
    lua_settop(L, 1);
    value_set_array(L, 1);
    return 1;
}

int
value_bytea(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, BYTEA_TYPE);
    return 1;
}

void
value_set_globals(lua_State *L)
{
    value_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushcfunction(L, array);
    lua_setfield(L, -2, "array");
    lua_pushcfunction(L, value_bytea);
    lua_setfield(L, -2, "bytea");
}

static void
push_bytea(lua_State *L, const char *text, size_t len)
{
    luaL_Buffer buffer;
    char *dst = luaL_buffinitsize(L, &buffer, len);

    luaL_pushresultsize(&buffer, text_unbytea(text, len, dst));
}

static void
push_scalar(lua_State *L, Oid type, const char *text, size_t len)
{
    switch (type) {
    case BOOL: lua_pushboolean(L, text[0] == 't'); break;
    case INT2:
    case INT4:
    case INT8:
    case OID: lua_pushinteger(L, strtoll(text, NULL, 10)); break;
    case FLOAT4:
    case FLOAT8: lua_pushnumber(L, strtod(text, NULL)); break;
    case BYTEA: push_bytea(L, text, len); break;
    default: lua_pushlstring(L, text, len);
    }
}

static void
push_element(lua_State *L, Oid type, const struct text_array *array)
{
    luaL_Buffer buffer;
    char *dst = luaL_buffinitsize(L, &buffer, array->raw_len);
    size_t len;
    const char *text;

    luaL_pushresultsize(&buffer, text_array_unescape(array->raw, array->raw_len, dst));
    text = lua_tolstring(L, -1, &len);
    push_scalar(L, type, text, len);
    lua_remove(L, -2);
}

static void push_level(lua_State *L, Oid type, struct text_array *array, int depth);

/* Pushes what the token stands for. */
static void
push_token(lua_State *L, Oid type, struct text_array *array, enum text_array_token token,
           int depth)
{
    switch (token) {
    case ARRAY_OPEN: push_level(L, type, array, depth + 1); break;
    case ARRAY_ELEMENT: push_element(L, type, array); break;
    case ARRAY_NULL: value_push_null(L); break;
    case ARRAY_CLOSE:
    case ARRAY_END:
    case ARRAY_BAD: luaL_error(L, "cannot read an array");
    }
}

/* Behind a `{`: its elements as a table, up to the `}`. */
static void
push_level(lua_State *L, Oid type, struct text_array *array, int depth)
{
    enum text_array_token token;
    lua_Integer n = 0;

    if (depth > MAX_DEPTH)
        luaL_error(L, "an array has more than %d dimensions", MAX_DEPTH);
    luaL_checkstack(L, 8, "array");
    lua_newtable(L);
    while ((token = text_array_next(array)) != ARRAY_CLOSE) {
        push_token(L, type, array, token, depth);
        lua_rawseti(L, -2, ++n);
    }
    value_set_array(L, -1);
}

/* Lower bounds other than 1 are kept in the field bounds: "[0:2]". */
static void
push_array(lua_State *L, Oid type, const char *text, size_t len)
{
    struct text_array array = text_array_begin(text, len);

    if (text_array_next(&array) != ARRAY_OPEN)
        luaL_error(L, "cannot read an array");
    push_level(L, type, &array, 1);
    if (array.bounds == NULL)
        return;
    lua_pushlstring(L, array.bounds, array.bounds_len);
    lua_setfield(L, -2, "bounds");
}

void
value_push_text(lua_State *L, Oid type, const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        if (arrays[i].array == type) {
            push_array(L, arrays[i].element, text, len);
            return;
        }
    }
    push_scalar(L, type, text, len);
}

void
value_push(lua_State *L, const PGresult *res, int row, int column)
{
    if (PQgetisnull(res, row, column))
        lua_pushnil(L);
    else
        value_push_text(L, PQftype(res, column), PQgetvalue(res, row, column),
                        (size_t)PQgetlength(res, row, column));
}

/* bytea(s) at index: its text on top. */
static void
push_bytea_text(lua_State *L, int index)
{
    luaL_Buffer buffer;
    const char *bytes;
    size_t size;

    lua_getiuservalue(L, index, 1);
    bytes = lua_tolstring(L, -1, &size);
    luaL_pushresultsize(&buffer, text_bytea(bytes, size,
                                            luaL_buffinitsize(L, &buffer, 2 * size + 2)));
    lua_remove(L, -2);
}

static const char nothing[] = "is nothing that PostgreSQL has a value for";

/* Pushes a scalar's text; the answer is NULL, or why there is none. */
static const char *
push_text(lua_State *L, int index)
{
    char digits[TEXT_FLOAT];
    const char *text;
    size_t len;

    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "t" : "f");
        return NULL;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index)) {
            lua_pushfstring(L, "%I", (LUAI_UACINT)lua_tointeger(L, index));
        } else {
            len = text_float(lua_tonumber(L, index), digits);
            lua_pushlstring(L, digits, len);
        }
        return NULL;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        if (strlen(text) != len)
            return "holds a zero byte: wrap it in bytea(s)";
        lua_pushvalue(L, index);
        return NULL;
    case LUA_TTABLE: return "is a table: wrap it in array{...} or json.encode";
    default:
        if (luaL_testudata(L, index, BYTEA_TYPE) == NULL)
            return nothing;
        push_bytea_text(L, index);
        return NULL;
    }
}

static void
add_quoted(lua_State *L, luaL_Buffer *out)
{
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    luaL_Buffer quoted;
    char *dst = luaL_buffinitsize(L, &quoted, 2 * len + 2);

    luaL_pushresultsize(&quoted, text_array_quote(text, len, dst));
    lua_remove(L, -2);
    luaL_addvalue(out);
}

static const char *add_array(lua_State *L, luaL_Buffer *out, int index, int depth);

/* The element on top goes into the buffer, whose slot is below it. */
static const char *
add_element(lua_State *L, luaL_Buffer *out, int depth)
{
    int element = lua_gettop(L);
    const char *why = NULL;

    if (value_is_null(L, element)) {
        lua_pop(L, 1);
        luaL_addstring(out, "NULL");
    } else if (value_is_array(L, element)) {
        luaL_Buffer inner;

        luaL_buffinit(L, &inner);
        why = add_array(L, &inner, element, depth + 1);
        if (why != NULL)
            return why;
        luaL_pushresult(&inner);
        lua_replace(L, element);
        luaL_addvalue(out);
    } else {
        if (lua_isnil(L, element))
            return "has a hole: write null for NULL";
        why = push_text(L, element);
        if (why != NULL)
            return why;
        lua_replace(L, element);
        add_quoted(L, out);
    }
    return NULL;
}

static const char *
add_array(lua_State *L, luaL_Buffer *out, int index, int depth)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    const char *why;

    if (depth > MAX_DEPTH)
        return "has more than 6 dimensions";
    luaL_checkstack(L, 16, "array");
    luaL_addchar(out, '{');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(out, ',');
        lua_rawgeti(L, index, i);
        why = add_element(L, out, depth);
        if (why != NULL)
            return why;
    }
    luaL_addchar(out, '}');
    return NULL;
}

/* What is not counted by # would be lost in silence. */
static bool
has_other_keys(lua_State *L, int index)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);

    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        bool counted = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
                       lua_tointeger(L, -2) <= count;
        bool bounds =
            lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "bounds") == 0;

        if (!counted && !bounds)
            return true;
        lua_pop(L, 1);
    }
    return false;
}

/* An array's text, its bounds before it if it keeps some. */
static const char *
push_literal(lua_State *L, int index)
{
    luaL_Buffer out;
    const char *why;
    int bounds;

    if (has_other_keys(L, index))
        return "has keys beside 1..n: write null for NULL";
    lua_pushliteral(L, "bounds");
    lua_rawget(L, index);
    bounds = lua_gettop(L);
    luaL_buffinit(L, &out);
    if (lua_type(L, bounds) == LUA_TSTRING) {
        if (strlen(lua_tostring(L, bounds)) != lua_rawlen(L, bounds))
            return "has a zero byte in its bounds";
        lua_pushvalue(L, bounds);
        luaL_addvalue(&out);
        luaL_addchar(&out, '=');
    }
    why = add_array(L, &out, index, 1);
    if (why != NULL)
        return why;
    luaL_pushresult(&out);
    lua_remove(L, bounds);
    return NULL;
}

const char *
value_text(lua_State *L, int index, const char **why)
{
    *why = NULL;
    if (lua_isnil(L, index) || value_is_null(L, index))
        return NULL;
    *why = value_is_array(L, index) ? push_literal(L, index) : push_text(L, index);
    if (*why != NULL)
        return NULL;
    lua_replace(L, index);
    return lua_tostring(L, index);
}

const char *
value_param(lua_State *L, int index)
{
    const char *why;
    const char *text = value_text(L, index, &why);

    if (why != NULL)
        luaL_argerror(L, index, why);
    return text;
}
