/* field.h - fields of the table on top of the stack */
#ifndef LUAMIG_SCRIPT_FIELD_H
#define LUAMIG_SCRIPT_FIELD_H

#include <lua.h>
#include <stdbool.h>

/* NULL: the field is absent. */
void field_set_text(lua_State *L, const char *name, const char *text);
void field_set_integer(lua_State *L, const char *name, lua_Integer value);
void field_set_boolean(lua_State *L, const char *name, bool value);

#endif
