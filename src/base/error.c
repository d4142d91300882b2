#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS "\xE2\x80\xA6"

/* Ends a text that filled its buffer in an ellipsis, never inside a UTF-8 character. */
static void
cut(char *dst, size_t size)
{
    size_t at = size - sizeof(ELLIPSIS);

    while (at > 0 && ((unsigned char)dst[at] & 0xC0) == 0x80)
        at--;
    memcpy(dst + at, ELLIPSIS, sizeof(ELLIPSIS));
}

__attribute__((format(printf, 3, 0))) static void
format(char *dst, size_t size, const char *fmt, va_list ap)
{
    int len = vsnprintf(dst, size, fmt, ap);

    if (len > 0 && (size_t)len >= size)
        cut(dst, size);
}

void
error_text(char *dst, size_t size, const char *text)
{
    int len = snprintf(dst, size, "%s", text != NULL ? text : "");

    if (len > 0 && (size_t)len >= size)
        cut(dst, size);
}

bool
error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    struct error fresh = { .kind = kind };
    va_list ap;

    va_start(ap, fmt);
    format(fresh.message, sizeof(fresh.message), fmt, ap);
    va_end(ap);
    *err = fresh; /* last: an argument may point into *err */
    return false;
}

bool
error_detail(struct error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    format(err->detail, sizeof(err->detail), fmt, ap);
    va_end(ap);
    return false;
}

bool
error_hint(struct error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    format(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
    return false;
}

bool
error_at(struct error *err, const char *file, size_t line, size_t column)
{
    error_text(err->place.file, sizeof(err->place.file), file);
    err->place.line = line;
    err->place.column = column;
    return false;
}

bool
error_within(struct error *err, const char *fmt, ...)
{
    char outer[sizeof(err->where)], both[2 * sizeof(err->where) + 2];
    va_list ap;

    va_start(ap, fmt);
    format(outer, sizeof(outer), fmt, ap);
    va_end(ap);
    snprintf(both, sizeof(both), "%s%s%s", outer, err->where[0] != '\0' ? ", " : "",
             err->where);
    error_text(err->where, sizeof(err->where), both);
    return false;
}

const char *
error_kind_word(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE: return "none";
    case ERROR_USAGE: return "usage";
    case ERROR_PLAN: return "plan";
    case ERROR_CONNECT: return "connect";
    case ERROR_LOCK: return "lock";
    case ERROR_SQL: return "sql";
    case ERROR_SCRIPT: return "script";
    case ERROR_TIMEOUT: return "timeout";
    case ERROR_SIGNAL: return "signal";
    case ERROR_INTERNAL: return "internal";
    }
    return "internal";
}
