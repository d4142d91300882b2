/* compile.h - is it Lua? */
#ifndef LUAMIG_SCRIPT_COMPILE_H
#define LUAMIG_SCRIPT_COMPILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Compiles a script and forgets it. ERROR_SCRIPT with err->place.line where it is none. */
bool script_compile(const char *path, const char *text, size_t size, struct error *err);

#endif
