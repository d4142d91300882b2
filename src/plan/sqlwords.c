#include "plan/sqlwords.h"

#include <stdio.h>
#include <string.h>

void
sqlwords_read(const char *sql, size_t length, struct arena *arena, struct sqlwords *out)
{
    struct token_scanner scanner = { .text = sql, .size = length };

    *out = (struct sqlwords){ .sql = sql, .length = length, .arena = arena };
    for (; out->count < SQLWORDS_MAX; out->count++) {
        token_next(&scanner, &out->list[out->count]);
        if (out->list[out->count].kind == TOKEN_END ||
            out->list[out->count].kind == TOKEN_BAD)
            break;
    }
}

bool
sqlwords_is(const struct sqlwords *w, size_t i, const char *word)
{
    return i < w->count && token_is(&w->list[i], word);
}

bool
sqlwords_is_symbol(const struct sqlwords *w, size_t i, char symbol)
{
    return i < w->count && token_is_symbol(&w->list[i], symbol);
}

/* Index of the word, from i on, outside parentheses; count if it is not there. */
size_t
sqlwords_find(const struct sqlwords *w, size_t i, const char *word)
{
    size_t depth = 0;

    for (; i < w->count; i++) {
        if (token_is_symbol(&w->list[i], '('))
            depth++;
        else if (token_is_symbol(&w->list[i], ')') && depth > 0)
            depth--;
        else if (depth == 0 && token_is(&w->list[i], word))
            return i;
    }
    return w->count;
}

bool
sqlwords_has(const struct sqlwords *w, size_t i, const char *word)
{
    return sqlwords_find(w, i, word) < w->count;
}

char *
sqlwords_text(const struct sqlwords *w, size_t first, size_t last)
{
    const struct token *a = &w->list[first], *b = &w->list[last];

    return arena_strndup(w->arena, w->sql + a->offset, b->offset + b->length - a->offset);
}

/* A qualified name that begins at *i, as written; *i then stands behind it. */
const char *
sqlwords_name(const struct sqlwords *w, size_t *i)
{
    size_t first = *i;

    if (*i >= w->count ||
        (w->list[*i].kind != TOKEN_WORD && w->list[*i].kind != TOKEN_NAME))
        return NULL;
    while (sqlwords_is_symbol(w, *i + 1, '.') && *i + 2 < w->count)
        *i += 2;
    return sqlwords_text(w, first, (*i)++);
}

/* Skips `(...)` at i. */
size_t
sqlwords_skip_parens(const struct sqlwords *w, size_t i)
{
    size_t depth = 0;

    if (!sqlwords_is_symbol(w, i, '('))
        return i;
    for (; i < w->count; i++) {
        if (sqlwords_is_symbol(w, i, '('))
            depth++;
        else if (sqlwords_is_symbol(w, i, ')') && --depth == 0)
            return i + 1;
    }
    return i;
}

/* Whether first and one of the two stand together, in all of the text this time. */
bool
sqlwords_has_pair(const struct sqlwords *w, const char *first, const char *second,
                  const char *other)
{
    struct token_scanner scanner = { .text = w->sql, .size = w->length };
    struct token token;
    size_t depth = 0;
    bool behind = false;

    for (token_next(&scanner, &token); token.kind != TOKEN_END && token.kind != TOKEN_BAD;
         token_next(&scanner, &token)) {
        if (behind && (token_is(&token, second) || token_is(&token, other)))
            return true;
        depth += token_is_symbol(&token, '(');
        depth -= token_is_symbol(&token, ')') && depth > 0;
        behind = depth == 0 && token_is(&token, first);
    }
    return false;
}

/* The word or what stands in the quotes, of what fits. */
void
sqlwords_unquoted(const struct sqlwords *w, size_t i, char *buf, size_t size)
{
    const struct token *t = &w->list[i];
    size_t quote = t->kind == TOKEN_STRING || t->kind == TOKEN_NAME;

    snprintf(buf, size, "%.*s", (int)(t->length < size ? t->length - 2 * quote : 0),
             w->sql + t->offset + quote);
}
