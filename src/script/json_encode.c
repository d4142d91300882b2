#include "script/json_encode.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pg/text.h"
#include "script/json_path.h"
#include "script/json_scan.h"
#include "script/value.h"

#define NAME "json.encode"

/* The text so far, in a userdata at slot: Lua frees it, and its memory counts. */
struct encoder {
    lua_State *L;
    int slot;
    char *bytes;
    size_t len, size;
    size_t depth;
};

static void encode_value(struct encoder *e, const struct json_path *path);

static void
add(struct encoder *e, const char *bytes, size_t len)
{
    char *larger;

    if (len > e->size - e->len) {
        e->size = (e->len + len) * 2;
        larger = lua_newuserdatauv(e->L, e->size, 0);
        memcpy(larger, e->bytes, e->len);
        e->bytes = larger;
        lua_replace(e->L, e->slot);
    }
    memcpy(e->bytes + e->len, bytes, len);
    e->len += len;
}

static void
add_text(struct encoder *e, const char *text)
{
    add(e, text, strlen(text));
}

static void
add_escaped(struct encoder *e, char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(plain, c) : NULL;
    char code[8];

    if (at != NULL)
        snprintf(code, sizeof(code), "\\%c", letter[at - plain]);
    else
        snprintf(code, sizeof(code), "\\u%04x", (unsigned)c);
    add_text(e, code);
}

static void
add_string(struct encoder *e, const char *text, size_t len, const struct json_path *path)
{
    const char *end = text + len, *run = text;

    add_text(e, "\"");
    while (text < end) {
        size_t step = utf8_length(text, (size_t)(end - text));

        if (step == 0 && *text != '\0')
            json_path_raise(e->L, NAME, path, "string is not UTF-8");
        if ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\') {
            text += step;
            continue;
        }
        add(e, run, (size_t)(text - run));
        add_escaped(e, *text);
        run = ++text;
    }
    add(e, run, (size_t)(text - run));
    add_text(e, "\"");
}

static void
add_number(struct encoder *e, const struct json_path *path)
{
    char digits[TEXT_FLOAT];

    if (lua_isinteger(e->L, -1))
        snprintf(digits, sizeof(digits), LUA_INTEGER_FMT, lua_tointeger(e->L, -1));
    else
        text_float(lua_tonumber(e->L, -1), digits);
    if (!lua_isinteger(e->L, -1) && !isfinite(lua_tonumber(e->L, -1)))
        json_path_raise(e->L, NAME, path, "JSON has no %s", digits);
    add_text(e, digits);
    if (strcmp(digits, "-0") == 0)
        add_text(e, ".0"); /* as an integer it would lose its sign */
}

/* What keys a table has. */
struct census {
    size_t strings;
    size_t indexes; /* integers from 1 on */
    size_t others;
    lua_Unsigned last; /* the largest index */
};

static void
count_key(lua_State *L, bool is_array, struct census *keys)
{
    lua_Integer index = lua_tointeger(L, -1);

    if (lua_type(L, -1) == LUA_TSTRING) {
        keys->strings += !is_array || strcmp(lua_tostring(L, -1), "bounds") != 0;
    } else if (lua_isinteger(L, -1) && index >= 1) {
        keys->indexes++;
        keys->last = (lua_Unsigned)index > keys->last ? (lua_Unsigned)index : keys->last;
    } else {
        keys->others++;
    }
}

static struct census
take_census(lua_State *L, bool is_array)
{
    struct census keys = { 0 };

    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        count_key(L, is_array, &keys);
    }
    return keys;
}

static void
encode_array(struct encoder *e, size_t count, const struct json_path *path)
{
    struct json_path step = { .up = path };

    add_text(e, "[");
    for (size_t i = 1; i <= count; i++) {
        step.index = i;
        if (i > 1)
            add_text(e, ",");
        lua_rawgeti(e->L, -1, (lua_Integer)i);
        encode_value(e, &step);
        lua_pop(e->L, 1);
    }
    add_text(e, "]");
}

struct key {
    const char *text;
    size_t len;
};

static int
compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Pushes a userdata with the sorted keys of the table on top, which keeps their texts. */
static const struct key *
push_keys(lua_State *L, size_t count)
{
    struct key *keys = lua_newuserdatauv(L, count * sizeof(*keys), 0);

    lua_pushnil(L);
    for (size_t i = 0; i < count && lua_next(L, -3) != 0; i++) {
        lua_pop(L, 1);
        keys[i].text = lua_tolstring(L, -1, &keys[i].len);
    }
    lua_pop(L, 1);
    qsort(keys, count, sizeof(*keys), compare_keys);
    return keys;
}

static void
encode_object(struct encoder *e, size_t count, const struct json_path *path)
{
    const struct key *keys = push_keys(e->L, count);
    struct json_path step = { .up = path };

    add_text(e, "{");
    for (size_t i = 0; i < count; i++) {
        step.key = keys[i].text;
        if (i > 0)
            add_text(e, ",");
        add_string(e, keys[i].text, keys[i].len, &step);
        add_text(e, ":");
        lua_pushlstring(e->L, keys[i].text, keys[i].len);
        lua_rawget(e->L, -3);
        encode_value(e, &step);
        lua_pop(e->L, 1);
    }
    add_text(e, "}");
    lua_pop(e->L, 1);
}

static void
encode_table(struct encoder *e, const struct json_path *path)
{
    bool is_array = value_is_array(e->L, -1);
    struct census keys = take_census(e->L, is_array);
    bool is_list = keys.strings + keys.others == 0 && keys.last == keys.indexes;

    if (e->depth == JSON_DEPTH)
        luaL_error(e->L, NAME ": nested deeper than %d levels", JSON_DEPTH);
    e->depth++;
    if (is_list && (is_array || keys.indexes > 0))
        encode_array(e, keys.indexes, path);
    else if (!is_array && keys.indexes + keys.others == 0)
        encode_object(e, keys.strings, path);
    else
        json_path_raise(e->L, NAME, path, "%s",
                        is_array ? "keys of an array are not 1 to n"
                                 : "keys are neither all strings nor 1 to n");
    e->depth--;
}

/* The value on top, which stays there. */
static void
encode_value(struct encoder *e, const struct json_path *path)
{
    lua_State *L = e->L;
    size_t len;
    const char *text;

    luaL_checkstack(L, 8, NAME);
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN: add_text(e, lua_toboolean(L, -1) ? "true" : "false"); break;
    case LUA_TNUMBER: add_number(e, path); break;
    case LUA_TSTRING:
        text = lua_tolstring(L, -1, &len);
        add_string(e, text, len, path);
        break;
    case LUA_TTABLE: encode_table(e, path); break;
    default:
        if (!value_is_null(L, -1))
            json_path_raise(L, NAME, path, "JSON has no %s", luaL_typename(L, -1));
        add_text(e, "null");
    }
}

int
json_encode(lua_State *L)
{
    struct encoder e = { .L = L, .slot = 1, .size = 64 };

    luaL_checkany(L, 1);
    lua_settop(L, 1);
    e.bytes = lua_newuserdatauv(L, e.size, 0);
    lua_insert(L, 1);
    encode_value(&e, NULL);
    lua_pushlstring(L, e.bytes, e.len);
    return 1;
}
