/* fuzz_json.c - json.decode, whatever it is given; what it takes, json.encode keeps */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>

#include "script/json.h"
#include "script/value.h"
#include "script/vm.h"
#include "tests/fuzz.h"

static const char code[] = "local text = ...\n"
                           "local ok, value = pcall(json.decode, text)\n"
                           "if not ok then\n"
                           "    assert(value:find('^json.decode: '), value)\n"
                           "    return\n"
                           "end\n"
                           "local again = json.encode(value)\n"
                           "assert(json.encode(json.decode(again)) == again)";

static int
open_globals(lua_State *L)
{
    value_open(L);
    json_open(L);
    lua_setglobal(L, "json");
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vm vm = { 0 };
    struct error err = { 0 };

    if (!vm_init(&vm, &err))
        abort();
    lua_pushcfunction(vm.L, open_globals);
    if (!vm_call(&vm, 0, 0, &err) || !vm_load(&vm, code, sizeof(code) - 1, "@f", &err))
        abort();
    lua_pushlstring(vm.L, (const char *)data, size);
    if (!vm_call(&vm, 1, 0, &err)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    vm_release(&vm);
    return 0;
}
