#include "plan/envsub.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH 20 /* of defaults in defaults */

struct expansion {
    const struct envsub *env;
    struct strbuf *out;
    struct error *err;
    int depth;
};

static bool expand(struct expansion *x, const char *text, const char *end);

static size_t
name_length(const char *text, const char *end)
{
    const char *p = text;

    while (p < end && (*p == '_' || (*p >= 'A' && *p <= 'Z') ||
                       (*p >= 'a' && *p <= 'z') || (p > text && *p >= '0' && *p <= '9')))
        p++;
    return (size_t)(p - text);
}

/* The value of a name of len bytes; a longer one than any is not set. */
static const char *
value_of(const struct expansion *x, const char *name, size_t len)
{
    char copy[256];

    if (len >= sizeof(copy))
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    return x->env->lookup(x->env->ctx, copy);
}

/* The `}` that closes what begins at text; NULL: there is none. */
static const char *
closing(const char *text, const char *end)
{
    int depth = 0;

    for (const char *p = text; p < end; p++) {
        if (p + 1 < end && p[0] == '$' && p[1] == '{')
            depth++;
        else if (*p == '}' && depth-- == 0)
            return p;
    }
    return NULL;
}

static bool
bad(struct expansion *x, const char *text, const char *end)
{
    error_set(x->err, ERROR_PLAN, "'%.*s' is no substitution of a variable",
              (int)(end - text > 60 ? 60 : end - text), text);
    return error_hint(x->err, "Write $V, ${V}, ${V:-default}, ${V:offset:length} or "
                              "${V?message}.");
}

/* With blanks around it. */
static bool
read_number(const char **at, const char *end, long *number)
{
    char *stop;
    char digits[24] = "";
    size_t len = (size_t)(end - *at);

    memcpy(digits, *at, len < sizeof(digits) - 1 ? len : sizeof(digits) - 1);
    *number = strtol(digits, &stop, 10);
    *at += stop - digits;
    while (*at < end && **at == ' ')
        (*at)++;
    return stop != digits;
}

/* An offset into size bytes; a negative one counts from their end. */
static long
position(long offset, long size)
{
    if (offset < 0)
        return offset > -size ? offset + size : 0;
    return offset < size ? offset : size;
}

/* `off` or `off:len` of value; a negative len is where it ends, counted from the end. */
static bool
add_part(struct expansion *x, const char *value, const char *text, const char *end)
{
    long size = value != NULL ? (long)strlen(value) : 0, offset, length = size, stop;
    const char *at = text;

    if (!read_number(&at, end, &offset) ||
        (at < end && (*at++ != ':' || !read_number(&at, end, &length))) || at != end)
        return bad(x, text, end);
    offset = position(offset, size);
    stop = length < size - offset ? offset + length : size;
    if (length < 0)
        stop = position(length, size);
    if (stop > offset)
        strbuf_add(x->out, value + offset, (size_t)(stop - offset));
    return true;
}

static bool
require(struct expansion *x, const char *name, size_t len, const char *text,
        const char *end)
{
    error_set(x->err, ERROR_PLAN, "variable '%.*s' is not set%s%.*s", (int)len, name,
              text < end ? ": " : "", (int)(end - text), text);
    return error_hint(x->err, "Set it in the environment of luamig.");
}

/* ${name...}: what stands between the name and the brace. */
static bool
add_operation(struct expansion *x, const char *name, size_t len, const char *end)
{
    const char *value = value_of(x, name, len), *op = name + len;
    bool colon = op < end && *op == ':', missing;

    if (colon)
        op++;
    missing = value == NULL || (colon && value[0] == '\0');
    if (op == end && !colon) {
        strbuf_puts(x->out, value != NULL ? value : "");
        return true;
    }
    if (op < end && *op == '-' && missing)
        return expand(x, op + 1, end);
    if (op < end && *op == '?' && missing)
        return require(x, name, len, op + 1, end);
    if (op < end && (*op == '-' || *op == '?')) {
        strbuf_puts(x->out, value);
        return true;
    }
    return colon ? add_part(x, value, op, end) : bad(x, name, end);
}

static bool
add_braced(struct expansion *x, const char **at, const char *end)
{
    const char *name = *at + 2, *close = closing(name, end);
    size_t len = close != NULL ? name_length(name, close) : 0;

    if (len == 0)
        return bad(x, *at, close != NULL ? close + 1 : end);
    *at = close + 1;
    return add_operation(x, name, len, close);
}

/* $name, unless it opens a dollar quote. */
static void
add_plain(struct expansion *x, const char **at, const char *end)
{
    size_t len = name_length(*at + 1, end);
    const char *next = *at + 1 + len, *value;

    if (len == 0 || (next < end && *next == '$')) {
        size_t whole = len + (next < end && *next == '$' ? 2 : 1);

        strbuf_add(x->out, *at, whole);
        *at += whole;
        return;
    }
    value = value_of(x, *at + 1, len);
    strbuf_puts(x->out, value != NULL ? value : "");
    *at = next;
}

static bool
expand(struct expansion *x, const char *text, const char *end)
{
    const char *at = text;

    if (++x->depth > DEPTH)
        return error_set(x->err, ERROR_PLAN,
                         "defaults of variables are nested too deeply");
    while (at < end) {
        if (at + 1 < end && at[0] == '\\' && at[1] == '$') {
            strbuf_putc(x->out, '$');
            at += 2;
        } else if (at + 1 < end && at[0] == '\\' && at[1] == '\\') {
            strbuf_add(x->out, at, 2);
            at += 2;
        } else if (at + 1 < end && at[0] == '$' && at[1] == '{') {
            if (!add_braced(x, &at, end))
                return false;
        } else if (*at == '$') {
            add_plain(x, &at, end);
        } else {
            strbuf_putc(x->out, *at++);
        }
    }
    x->depth--;
    return true;
}

bool
envsub_expand(const struct envsub *env, const char *text, size_t len, struct strbuf *out,
              struct error *err)
{
    struct expansion x = { .env = env, .out = out, .err = err };

    return expand(&x, text, text + len);
}
