/* files.h - files.read and files.lines: what lies below the script's folder */
#ifndef LUAMIG_SCRIPT_FILES_H
#define LUAMIG_SCRIPT_FILES_H

#include <lua.h>

/*
 * Pushes a table with read(path) -> text and lines(path) -> iterator (lines without their
 * ends; \r\n counts as one). Paths are relative to folder, and may not leave it, through
 * symlinks neither.
 */
void files_open(lua_State *L, const char *folder);

/*
 * The real path of name in folder, which must lie below it; raises otherwise. path holds
 * PATH_MAX bytes.
 */
void files_resolve(lua_State *L, const char *folder, const char *name, char *path);

#endif
