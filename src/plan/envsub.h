/*
 * envsub.h - $V and ${V...} in text, as goose's ENVSUB has them
 *
 *     $V ${V}            its value; nothing where it is not set
 *     ${V-d} ${V:-d}     d where it is not set (`:-`: or empty)
 *     ${V:off} ${V:off:len}   a part of it, in bytes; ${V: -3}: the last three,
 *                        ${V:0:-3}: all but these
 *     ${V?msg} ${V:?msg} an error with msg where it is not set (`:?`: or empty)
 *
 * `$$`, `$1` and dollar quotes ($tag$) stay as they are, so of two names side by side the
 * first wants braces: ${A}$B. `\$` is a plain `$`, `\\` stays two backslashes.
 */
#ifndef LUAMIG_PLAN_ENVSUB_H
#define LUAMIG_PLAN_ENVSUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

/* Where values come from; NULL: not set. */
struct envsub {
    const char *(*lookup)(void *ctx, const char *name);
    void *ctx;
};

/* Appends text with its variables replaced. ERROR_PLAN without a place. */
bool envsub_expand(const struct envsub *env, const char *text, size_t len,
                   struct strbuf *out, struct error *err);

#endif
