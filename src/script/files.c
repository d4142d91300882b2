#include "script/files.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/vm.h"

#define FILE_TYPE "luamig.file"

struct reader {
    FILE *file;
    char *line; /* of getline() */
    size_t size;
};

static void
close_reader(struct reader *reader)
{
    if (reader->file != NULL)
        fclose(reader->file);
    free(reader->line);
    *reader = (struct reader){ 0 };
}

static int
reader_close(lua_State *L)
{
    close_reader(luaL_checkudata(L, 1, FILE_TYPE));
    return 0;
}

static bool
is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 &&
           (path[len] == '/' || (len > 0 && folder[len - 1] == '/'));
}

void
files_resolve(lua_State *L, const char *folder, const char *name, char *path)
{
    char base[PATH_MAX];

    if (name[0] == '/')
        luaL_error(L, "'%s' is not relative to the script's folder", name);
    lua_pushfstring(L, "%s/%s", folder, name);
    if (realpath(folder, base) == NULL || realpath(lua_tostring(L, -1), path) == NULL)
        luaL_error(L, "cannot read '%s': %s", name, strerror(errno));
    if (!is_below(path, base))
        luaL_error(L, "'%s' is outside of the script's folder", name);
    lua_pop(L, 1);
}

/* Pushes an open reader of argument 1. */
static struct reader *
open_reader(lua_State *L)
{
    struct reader *reader = lua_newuserdatauv(L, sizeof(*reader), 0);
    char path[PATH_MAX];

    *reader = (struct reader){ 0 };
    luaL_setmetatable(L, FILE_TYPE);
    files_resolve(L, lua_tostring(L, lua_upvalueindex(1)), luaL_checkstring(L, 1), path);
    reader->file = fopen(path, "rbe");
    if (reader->file == NULL)
        luaL_error(L, "cannot read '%s': %s", lua_tostring(L, 1), strerror(errno));
    return reader;
}

static int
files_read(lua_State *L)
{
    struct reader *reader = open_reader(L);
    luaL_Buffer buffer;
    size_t got;

    luaL_buffinit(L, &buffer);
    do {
        got = fread(luaL_prepbuffer(&buffer), 1, LUAL_BUFFERSIZE, reader->file);
        luaL_addsize(&buffer, got);
    } while (got == LUAL_BUFFERSIZE);
    if (ferror(reader->file))
        luaL_error(L, "cannot read '%s'", lua_tostring(L, 1));
    luaL_pushresult(&buffer);
    close_reader(reader);
    return 1;
}

static int
next_line(lua_State *L)
{
    struct reader *reader = luaL_checkudata(L, lua_upvalueindex(1), FILE_TYPE);
    ssize_t len =
        reader->file != NULL ? getline(&reader->line, &reader->size, reader->file) : -1;

    if (len < 0) {
        if (reader->file != NULL && ferror(reader->file))
            luaL_error(L, "cannot read on in '%s'", lua_tostring(L, lua_upvalueindex(2)));
        close_reader(reader);
        return 0;
    }
    if (len > 0 && reader->line[len - 1] == '\n')
        len--;
    if (len > 0 && reader->line[len - 1] == '\r')
        len--;
    lua_pushlstring(L, reader->line, (size_t)len);
    return 1;
}

static int
files_lines(lua_State *L)
{
    int reader;

    open_reader(L);
    reader = lua_gettop(L);
    lua_pushvalue(L, reader);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, next_line, 2);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, reader);
    return 4;
}

void
files_open(lua_State *L, const char *folder)
{
    static const luaL_Reg functions[] = {
        { "read", files_read },
        { "lines", files_lines },
        { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__gc", reader_close },
        { "__close", reader_close },
        { NULL, NULL },
    };

    vm_new_type(L, FILE_TYPE, meta);
    luaL_newlibtable(L, functions);
    lua_pushstring(L, folder);
    luaL_setfuncs(L, functions, 1);
}
