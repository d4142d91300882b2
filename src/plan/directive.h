/*
 * directive.h - `-- luamig: ...` lines before a file's first statement
 *
 * The same in SQL and Lua, both of which comment with `--`.
 */
#ifndef LUAMIG_PLAN_DIRECTIVE_H
#define LUAMIG_PLAN_DIRECTIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct directives {
    bool no_transaction;
    bool background;
    size_t background_line; /* where it says so */
    bool has_timeout, has_lock_timeout, has_lock_retry;
    int64_t timeout, lock_timeout, lock_retry; /* ms */
    const char *irreversible;                  /* the reason; NULL: not said */
};

/*
 * Reads the comment head of text: blank lines, `--` lines and block comments (SQL's and
 * Lua's) before the first other thing, after a BOM if there is one. An unknown word, a bad
 * value or one given twice is ERROR_PLAN with err->place.line and .column set and, as a
 * hint, the nearest known word.
 */
bool directives_read(const char *text, size_t size, struct arena *arena,
                     struct directives *out, struct error *err);

#endif
