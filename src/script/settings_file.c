#include "script/settings_file.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/fs.h"
#include "script/vm.h"

#define MEMORY_CAP ((size_t)64 << 20)

struct reading {
    struct arena *arena;
    struct settings_file *out;
    size_t capacity;
};

static int
open_all(lua_State *L)
{
    luaL_openlibs(L);
    return 0;
}

static void
keep(struct reading *r, struct file_setting setting)
{
    if (r->out->count < r->capacity)
        r->out->list[r->out->count++] = setting;
}

/* Called with the table and a light userdata; keys and values become texts. */
static int
take_table(lua_State *L)
{
    struct reading *r = lua_touserdata(L, 2);

    if (!lua_istable(L, 1))
        return luaL_error(L, "it must return a table of settings");
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        int type = lua_type(L, -1);
        const char *name;

        if (lua_type(L, -2) != LUA_TSTRING)
            return luaL_error(L, "a setting's name must be a string");
        name = arena_strdup(r->arena, lua_tostring(L, -2));
        if (type == LUA_TBOOLEAN)
            keep(r, (struct file_setting){ name, lua_toboolean(L, -1) ? "true" : "false",
                                           true });
        else if (type == LUA_TSTRING || type == LUA_TNUMBER)
            keep(r, (struct file_setting){
                        name, arena_strdup(r->arena, lua_tostring(L, -1)), false });
        else
            return luaL_error(L, "setting '%s' must be a string, not a %s", name,
                              luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    return 0;
}

static bool
evaluate(struct vm *vm, const struct fs_text *text, const char *chunk,
         struct reading *reading, struct error *err)
{
    if (!vm_init(vm, err))
        return false;
    lua_pushcfunction(vm->L, open_all);
    if (!vm_call(vm, 0, 0, err) || !vm_load(vm, text->bytes, text->size, chunk, err) ||
        !vm_call(vm, 0, 1, err))
        return false;
    lua_pushcfunction(vm->L, take_table);
    lua_insert(vm->L, -2);
    lua_pushlightuserdata(vm->L, reading);
    return vm_call(vm, 2, 0, err);
}

bool
settings_file_read(const char *path, struct arena *arena, struct settings_file *out,
                   struct error *err)
{
    struct vm vm = { .cap = MEMORY_CAP };
    struct reading reading = { .arena = arena, .out = out, .capacity = 64 };
    struct fs_text text;
    bool ok;

    *out = (struct settings_file){ .list = arena_alloc(arena, 64 * sizeof(*out->list)) };
    if (!fs_read(path, arena, &text, err))
        return false;
    ok = evaluate(&vm, &text, arena_printf(arena, "@%s", path), &reading, err);
    vm_release(&vm);
    if (ok)
        return true;
    err->kind = ERROR_USAGE;
    if (err->place.file[0] == '\0')
        error_at(err, path, 0, 0);
    return false;
}
