#include "plan/directive.h"

#include <string.h>

#include "base/utf8.h"
#include "base/words.h"
#include "plan/sqlscan.h"

#define WORD_MAX 48

static const char *const known[] = {
    "no-transaction", "background",   "timeout", "lock-timeout",
    "lock-retry",     "irreversible", NULL
};

struct reader {
    const char *text;
    size_t size, at;
    struct arena *arena;
    struct directives *out;
    struct error *err;
};

static bool
starts(const struct reader *r, const char *what)
{
    size_t len = strlen(what);

    return r->size - r->at >= len && memcmp(r->text + r->at, what, len) == 0;
}

static size_t
line_end(const struct reader *r)
{
    const char *end = memchr(r->text + r->at, '\n', r->size - r->at);

    return end != NULL ? (size_t)(end - r->text) : r->size;
}

static bool
fail(struct reader *r, size_t at, const char *word, const char *what)
{
    size_t line, column;

    error_set(r->err, ERROR_PLAN, "directive '%s' %s", word, what);
    sqlscan_line(r->text, r->size, at, &line, &column);
    return error_at(r->err, "", line, column);
}

static bool
unknown(struct reader *r, size_t at, const char *word)
{
    const char *nearest = words_nearest(word, known);

    fail(r, at, word, "is unknown");
    if (nearest != NULL)
        return error_hint(r->err, "Did you mean '%s'?", nearest);
    return error_hint(r->err, "Known are no-transaction, background, timeout, "
                              "lock-timeout, lock-retry, irreversible.");
}

static bool
set_duration(struct reader *r, size_t at, const char *word, const char *value, bool *has,
             int64_t *ms)
{
    if (*has)
        return fail(r, at, word, "is given twice");
    if (value == NULL || !words_duration(value, ms)) {
        fail(r, at, word, "needs a duration");
        return error_hint(r->err, "Write %s=30s (ms, s, m, h; 0 is none).", word);
    }
    *has = true;
    return true;
}

static bool
set_flag(struct reader *r, size_t at, const char *word, const char *value, bool *flag)
{
    if (*flag)
        return fail(r, at, word, "is given twice");
    if (value != NULL)
        return fail(r, at, word, "takes no value");
    *flag = true;
    return true;
}

static bool
set_background(struct reader *r, size_t at, const char *word, const char *value)
{
    size_t column;

    sqlscan_line(r->text, r->size, at, &r->out->background_line, &column);
    return set_flag(r, at, word, value, &r->out->background);
}

static bool
apply(struct reader *r, size_t at, const char *word, const char *value)
{
    struct directives *d = r->out;

    if (strcmp(word, "no-transaction") == 0)
        return set_flag(r, at, word, value, &d->no_transaction);
    if (strcmp(word, "background") == 0)
        return set_background(r, at, word, value);
    if (strcmp(word, "timeout") == 0)
        return set_duration(r, at, word, value, &d->has_timeout, &d->timeout);
    if (strcmp(word, "lock-timeout") == 0)
        return set_duration(r, at, word, value, &d->has_lock_timeout, &d->lock_timeout);
    if (strcmp(word, "lock-retry") == 0)
        return set_duration(r, at, word, value, &d->has_lock_retry, &d->lock_retry);
    if (strcmp(word, "irreversible") != 0)
        return unknown(r, at, word);
    if (d->irreversible != NULL)
        return fail(r, at, word, "is given twice");
    d->irreversible = value != NULL ? value : "";
    return true;
}

/* The value behind `=`, quoted or a word; *at then stands behind it. */
static bool
read_value(struct reader *r, size_t *at, size_t end, const char **value)
{
    size_t start = *at;

    if (start < end && r->text[start] == '"') {
        const char *close = memchr(r->text + start + 1, '"', end - start - 1);

        if (close == NULL)
            return fail(r, start, "irreversible",
                        "has a quote that is not closed on its line");
        *value = arena_strndup(r->arena, r->text + start + 1,
                               (size_t)(close - r->text) - start - 1);
        *at = (size_t)(close - r->text) + 1;
        return true;
    }
    while (*at < end && strchr(" \t\r", r->text[*at]) == NULL)
        ++*at;
    *value = arena_strndup(r->arena, r->text + start, *at - start);
    return true;
}

static bool
read_words(struct reader *r, size_t at, size_t end)
{
    while (true) {
        const char *value = NULL;
        size_t start, len;

        while (at < end && strchr(" \t\r,", r->text[at]) != NULL)
            at++;
        if (at >= end)
            return true;
        start = at;
        while (at < end && strchr(" \t\r,=", r->text[at]) == NULL)
            at++;
        len = at - start < WORD_MAX ? at - start : WORD_MAX;
        if (at < end && r->text[at] == '=') {
            at++;
            if (!read_value(r, &at, end, &value))
                return false;
        }
        if (!apply(r, start, arena_strndup(r->arena, r->text + start, len), value))
            return false;
    }
}

/* A `--` line; a directive if it says `luamig:` first. */
static bool
read_comment_line(struct reader *r)
{
    size_t end = line_end(r), at = r->at + 2;
    bool ok = true;

    while (at < end && (r->text[at] == ' ' || r->text[at] == '\t'))
        at++;
    if (end - at >= 7 && memcmp(r->text + at, "luamig:", 7) == 0)
        ok = read_words(r, at + 7, end);
    r->at = end;
    return ok;
}

static void
skip_past(struct reader *r, const char *what)
{
    const char *found = memmem(r->text + r->at, r->size - r->at, what, strlen(what));

    r->at = found != NULL ? (size_t)(found - r->text) + strlen(what) : r->size;
}

/* Lua's --[[ ]] and --[==[ ]==]: the closing bracket has as many signs. */
static bool
skip_lua_block(struct reader *r)
{
    size_t at = r->at + 3, level = 0;
    char close[16] = "]";

    while (at < r->size && r->text[at] == '=' && level < sizeof(close) - 3) {
        close[++level] = '=';
        at++;
    }
    if (!starts(r, "--[") || at >= r->size || r->text[at] != '[')
        return false;
    close[level + 1] = ']';
    r->at = at + 1;
    skip_past(r, close);
    return true;
}

static void
skip_sql_block(struct reader *r)
{
    size_t depth = 0;

    do {
        if (starts(r, "/*")) {
            depth++;
            r->at += 2;
        } else if (starts(r, "*/")) {
            depth--;
            r->at += 2;
        } else {
            r->at++;
        }
    } while (depth > 0 && r->at < r->size);
}

bool
directives_read(const char *text, size_t size, struct arena *arena,
                struct directives *out, struct error *err)
{
    struct reader r = {
        .text = text, .size = size, .arena = arena, .out = out, .err = err
    };

    *out = (struct directives){ 0 };
    r.at = utf8_bom(text, size);
    while (r.at < size) {
        if (strchr(" \t\r\n", text[r.at]) != NULL && text[r.at] != '\0')
            r.at++;
        else if (starts(&r, "/*"))
            skip_sql_block(&r);
        else if (!starts(&r, "--"))
            break;
        else if (!skip_lua_block(&r) && !read_comment_line(&r))
            return false;
    }
    return true;
}
