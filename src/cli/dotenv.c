#include "cli/dotenv.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

struct reader {
    const char *text;
    size_t size, at, line;
    struct arena *arena;
    struct error *err;
};

static char
peek(const struct reader *r)
{
    return r->at < r->size ? r->text[r->at] : '\0';
}

static bool
fail(struct reader *r, const char *what)
{
    error_set(r->err, ERROR_USAGE, "%s", what);
    return error_at(r->err, "", r->line, 0);
}

static void
skip_spaces(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
}

static void
skip_line(struct reader *r)
{
    while (r->at < r->size && r->text[r->at] != '\n')
        r->at++;
}

static bool
is_key_part(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

static const char *
read_key(struct reader *r)
{
    size_t start = r->at;

    while (is_key_part(peek(r)))
        r->at++;
    return arena_strndup(r->arena, r->text + start, r->at - start);
}

static char
unescape(char c)
{
    return (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
}

/* Behind the opening quote; only double quotes know backslashes. May span lines. */
static bool
read_quoted(struct reader *r, char quote, struct strbuf *value)
{
    size_t began = r->line;

    for (r->at++; r->at < r->size; r->at++) {
        char c = r->text[r->at];

        if (c == quote) {
            r->at++;
            return true;
        }
        if (c == '\\' && quote == '"' && r->at + 1 < r->size)
            c = unescape(r->text[++r->at]);
        r->line += r->text[r->at] == '\n';
        strbuf_putc(value, c);
    }
    r->line = began;
    return fail(r, "the quote is not closed");
}

/* A bare value ends at the line's end or at ` #`. */
static void
read_bare(struct reader *r, struct strbuf *value)
{
    for (; r->at < r->size && r->text[r->at] != '\n'; r->at++) {
        char c = r->text[r->at];

        if (c == '#' && (value->len == 0 || strchr(" \t", value->text[value->len - 1])))
            break;
        strbuf_putc(value, c);
    }
    while (value->len > 0 && strchr(" \t\r", value->text[value->len - 1]) != NULL)
        value->text[--value->len] = '\0';
}

static bool
read_value(struct reader *r, struct strbuf *value)
{
    char c = peek(r);

    if (c != '"' && c != '\'') {
        read_bare(r, value);
        skip_line(r);
        return true;
    }
    if (!read_quoted(r, c, value))
        return false;
    skip_spaces(r);
    if (peek(r) == '\r')
        r->at++;
    if (peek(r) != '\0' && peek(r) != '\n' && peek(r) != '#')
        return fail(r, "something stands behind the closing quote");
    skip_line(r);
    return true;
}

static bool
read_pair(struct reader *r, struct dotenv_pair *pair)
{
    struct strbuf value = { 0 };
    bool ok;

    if (r->size - r->at > 7 && memcmp(r->text + r->at, "export ", 7) == 0)
        r->at += 7;
    skip_spaces(r);
    pair->key = read_key(r);
    skip_spaces(r);
    if (pair->key[0] == '\0' || peek(r) != '=')
        return fail(r, "this line is not KEY=value");
    r->at++;
    skip_spaces(r);
    ok = read_value(r, &value);
    pair->value = arena_strndup(r->arena, strbuf_text(&value), value.len);
    strbuf_release(&value);
    return ok;
}

static bool
read_all(struct reader *r, struct dotenv *out)
{
    size_t capacity = 0;

    for (; r->at < r->size; r->at++, r->line++) {
        skip_spaces(r);
        if (peek(r) == '\r')
            r->at++;
        if (peek(r) == '#')
            skip_line(r);
        if (peek(r) == '\n' || r->at >= r->size)
            continue;
        out->list = xgrow(out->list, out->count, &capacity, sizeof(*out->list));
        if (!read_pair(r, &out->list[out->count++]))
            return false;
    }
    return true;
}

bool
dotenv_parse(const char *text, size_t size, struct arena *arena, struct dotenv *out,
             struct error *err)
{
    struct reader r = {
        .text = text, .size = size, .line = 1, .arena = arena, .err = err
    };
    struct dotenv_pair *kept;
    bool ok;

    *out = (struct dotenv){ 0 };
    r.at = utf8_bom(text, size);
    ok = read_all(&r, out);
    kept = arena_alloc(arena, (out->count + 1) * sizeof(*kept));
    if (out->count > 0)
        memcpy(kept, out->list, out->count * sizeof(*kept));
    free(out->list);
    out->list = kept;
    return ok;
}

const char *
dotenv_value(const struct dotenv *env, const char *key)
{
    for (size_t i = env->count; i > 0; i--) {
        if (strcmp(env->list[i - 1].key, key) == 0)
            return env->list[i - 1].value;
    }
    return NULL;
}
