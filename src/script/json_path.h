/* json_path.h - where in a value a fault is: .items[3].price */
#ifndef LUAMIG_SCRIPT_JSON_PATH_H
#define LUAMIG_SCRIPT_JSON_PATH_H

#include <lua.h>
#include <stddef.h>

/* One step down; the steps above live on the callers' stacks. NULL is the value itself. */
struct json_path {
    const struct json_path *up;
    const char *key; /* of an object; NULL: index of an array */
    size_t index;    /* 1-based */
};

/*
 * Raises "function: path: message" with the place of the caller in Lua. What it holds must
 * be owned by the stack.
 */
int json_path_raise(lua_State *L, const char *function, const struct json_path *path,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
