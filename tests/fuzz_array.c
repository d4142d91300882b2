/*
 * fuzz_array.c - array and bytea literals, whatever they hold: Lua's value of one, sent
 * back, reads as the same value again
 */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script/value.h"
#include "script/vm.h"
#include "tests/fuzz.h"

#define BYTEA       17
#define BYTEA_ARRAY 1001

/* Arrays of text, int4, float8, bool and bytea; bytea. */
static const Oid types[] = { 1009, 1007, 1022, 1000, BYTEA_ARRAY, BYTEA };

/* A result of one row with one column of that type. */
static PGresult *
result_of(Oid type, const char *text, size_t len)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "a", *value = xmalloc(len + 1);
    PGresAttDesc column = { .name = name, .typid = type, .typlen = -1 };

    memcpy(value, text, len);
    value[len] = '\0';
    if (res == NULL || !PQsetResultAttrs(res, 1, &column) ||
        !PQsetvalue(res, 0, 0, value, (int)len))
        abort();
    free(value);
    return res;
}

static int
push_value(lua_State *L)
{
    PGresult **res = lua_touserdata(L, 1);

    value_push(L, *res, 0, 0);
    return 1;
}

/* false: the literal is none. */
static bool
decode(struct vm *vm, Oid type, const char *text, size_t len)
{
    struct error err = { 0 };
    PGresult *res = result_of(type, text, len);
    bool ok;

    lua_pushcfunction(vm->L, push_value);
    lua_pushlightuserdata(vm->L, &res);
    ok = vm_call(vm, 1, 1, &err);
    PQclear(res);
    return ok;
}

/* Bytes, as they are in Lua, are sent by bytea(s). */
static void
wrap(struct vm *vm)
{
    struct error err = { 0 };

    lua_pushcfunction(vm->L, value_bytea);
    lua_insert(vm->L, 1);
    if (!vm_call(vm, 1, 1, &err))
        abort();
}

/* The text that the value is sent as; NULL: it holds a zero byte, which no text may. */
static char *
sent(struct vm *vm, Oid type)
{
    const char *why = NULL, *text;

    if (type == BYTEA)
        wrap(vm);
    text = value_text(vm->L, 1, &why);
    if (why == NULL && text == NULL)
        abort();
    return why == NULL ? xstrdup(text) : NULL;
}

static void
check_again(struct vm *vm, Oid type)
{
    char *first = sent(vm, type), *second;

    lua_settop(vm->L, 0);
    if (first == NULL)
        return;
    if (!decode(vm, type, first, strlen(first)))
        abort();
    second = sent(vm, type);
    if (second == NULL || strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm vm = { 0 };
    struct error err = { 0 };

    if (!vm_init(&vm, &err))
        abort();
    value_open(vm.L);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (decode(&vm, types[i], (const char *)data, size) && types[i] != BYTEA_ARRAY)
            check_again(&vm, types[i]);
        lua_settop(vm.L, 0);
    }
    vm_release(&vm);
    return 0;
}
