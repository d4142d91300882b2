/*
 * settings_file.h - luamig.lua: a Lua file that returns a table of settings
 *
 * Trusted like a Makefile: it has Lua's full standard library.
 */
#ifndef LUAMIG_SCRIPT_SETTINGS_FILE_H
#define LUAMIG_SCRIPT_SETTINGS_FILE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct file_setting {
    const char *name;
    const char *value; /* as text; "true" and "false" for booleans; a list's elements with
                          commas between */
    bool is_boolean;
};

struct settings_file {
    struct file_setting *list;
    size_t count;
    struct file_setting *vars; /* of the table vars */
    size_t var_count;
};

/* Takes the settings from the table at index of a host's state; raises as below. */
void settings_file_take(lua_State *L, int index, struct arena *arena,
                        struct settings_file *out);

/*
 * ERROR_USAGE with file and line. Values that are no text, number or boolean are too, but
 * for environments and exclude, which may be lists; an empty list counts as not set.
 */
bool settings_file_read(const char *path, struct arena *arena, struct settings_file *out,
                        struct error *err);

#endif
