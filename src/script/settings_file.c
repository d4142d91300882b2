#include "script/settings_file.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/fs.h"
#include "script/vm.h"

#define MEMORY_CAP ((size_t)64 << 20)

#define MOST 256 /* settings, or vars */

struct reading {
    struct arena *arena;
    struct settings_file *out;
    bool in_vars;
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
    struct settings_file *out = r->out;

    if (r->in_vars && out->var_count < MOST)
        out->vars[out->var_count++] = setting;
    else if (!r->in_vars && out->count < MOST)
        out->list[out->count++] = setting;
}

static bool
is_list(const char *name)
{
    return strcmp(name, "environments") == 0 || strcmp(name, "exclude") == 0;
}

/* Texts; of exclude whole numbers too, which are versions. */
static bool
is_element(lua_State *L, const char *name)
{
    return (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0) ||
           (lua_isinteger(L, -1) && strcmp(name, "exclude") == 0);
}

/* The list of texts on top of the stack as one text; "": it has no element. */
static const char *
join_list(lua_State *L, const char *name, struct arena *arena)
{
    lua_Unsigned count = lua_rawlen(L, -1), seen = 0;
    const char *text = "";

    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        seen++;
    for (lua_Unsigned i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        if (!is_element(L, name))
            luaL_error(L, "setting '%s' must be a list of strings", name);
        text = arena_printf(arena, "%s%s%s", text, i > 1 ? "," : "", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    if (seen != count)
        luaL_error(L, "setting '%s' must be a list of strings", name);
    return text;
}

static void
keep_list(lua_State *L, struct reading *r, const char *name)
{
    const char *text = join_list(L, name, r->arena);

    if (text[0] != '\0')
        keep(r, (struct file_setting){ name, text, false });
}

static void take_pairs(lua_State *L, struct reading *r, int table);

/* The value on top, whose name is below it. */
static void
take_value(lua_State *L, struct reading *r, const char *name)
{
    int type = lua_type(L, -1);

    if (type == LUA_TTABLE && !r->in_vars && strcmp(name, "vars") == 0) {
        r->in_vars = true;
        take_pairs(L, r, lua_gettop(L));
        r->in_vars = false;
    } else if (type == LUA_TTABLE && !r->in_vars && is_list(name)) {
        keep_list(L, r, name);
    } else if (type == LUA_TBOOLEAN) {
        keep(r, (struct file_setting){ name, lua_toboolean(L, -1) ? "true" : "false",
                                       true });
    } else if (type == LUA_TSTRING || type == LUA_TNUMBER) {
        keep(r, (struct file_setting){ name, arena_strdup(r->arena, lua_tostring(L, -1)),
                                       false });
    } else {
        luaL_error(L, "%s '%s' must be a string, not a %s",
                   r->in_vars ? "variable" : "setting", name, luaL_typename(L, -1));
    }
}

static void
take_pairs(lua_State *L, struct reading *r, int table)
{
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a %s's name must be a string",
                       r->in_vars ? "variable" : "setting");
        take_value(L, r, arena_strdup(r->arena, lua_tostring(L, -2)));
        lua_pop(L, 1);
    }
}

static void
prepare(struct settings_file *out, struct arena *arena)
{
    *out = (struct settings_file){
        .list = arena_alloc(arena, MOST * sizeof(*out->list)),
        .vars = arena_alloc(arena, MOST * sizeof(*out->vars)),
    };
}

void
settings_file_take(lua_State *L, int index, struct arena *arena,
                   struct settings_file *out)
{
    struct reading reading = { .arena = arena, .out = out };

    prepare(out, arena);
    take_pairs(L, &reading, lua_absindex(L, index));
}

/* Called with the table and a light userdata; keys and values become texts. */
static int
take_table(lua_State *L)
{
    struct reading *r = lua_touserdata(L, 2);

    if (!lua_istable(L, 1))
        return luaL_error(L, "it must return a table of settings");
    take_pairs(L, r, 1);
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
    struct reading reading = { .arena = arena, .out = out };
    struct fs_text text;
    bool ok;

    prepare(out, arena);
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
