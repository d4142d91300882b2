#include "plan/sqlkind.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "plan/sqltoken.h"

#define TOKENS_MAX 48 /* what decides stands in the first words */

struct words {
    const char *sql;
    size_t length;
    struct token list[TOKENS_MAX];
    size_t count;
    struct arena *arena;
    struct sql_class *class;
};

static bool
word_at(const struct words *w, size_t i, const char *word)
{
    return i < w->count && token_is(&w->list[i], word);
}

static bool
symbol_at(const struct words *w, size_t i, char symbol)
{
    return i < w->count && token_is_symbol(&w->list[i], symbol);
}

/* Index of the word, from i on, outside parentheses; count if it is not there. */
static size_t
find_word(const struct words *w, size_t i, const char *word)
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

static bool
has_word(const struct words *w, size_t i, const char *word)
{
    return find_word(w, i, word) < w->count;
}

static char *
text_between(const struct words *w, size_t first, size_t last)
{
    const struct token *a = &w->list[first], *b = &w->list[last];

    return arena_strndup(w->arena, w->sql + a->offset, b->offset + b->length - a->offset);
}

/* A qualified name that begins at *i, as written; *i then stands behind it. */
static const char *
read_name(const struct words *w, size_t *i)
{
    size_t first = *i;

    if (*i >= w->count ||
        (w->list[*i].kind != TOKEN_WORD && w->list[*i].kind != TOKEN_NAME))
        return NULL;
    while (symbol_at(w, *i + 1, '.') && *i + 2 < w->count)
        *i += 2;
    return text_between(w, first, (*i)++);
}

/* Skips `(...)` at i. */
static size_t
skip_parens(const struct words *w, size_t i)
{
    size_t depth = 0;

    if (!symbol_at(w, i, '('))
        return i;
    for (; i < w->count; i++) {
        if (symbol_at(w, i, '('))
            depth++;
        else if (symbol_at(w, i, ')') && --depth == 0)
            return i + 1;
    }
    return i;
}

/* Whether first and one of the two stand together, in all of the text this time. */
static bool
has_pair(const struct words *w, const char *first, const char *second, const char *other)
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
static void
unquoted(const struct words *w, size_t i, char *buf, size_t size)
{
    const struct token *t = &w->list[i];
    size_t quote = t->kind == TOKEN_STRING || t->kind == TOKEN_NAME;

    snprintf(buf, size, "%.*s", (int)(t->length < size ? t->length - 2 * quote : 0),
             w->sql + t->offset + quote);
}

static void
outside(struct words *w, enum sql_outside what)
{
    w->class->kind = SQL_OUTSIDE;
    w->class->outside = what;
}

static size_t
skip_if_exists(const struct words *w, size_t i)
{
    if (!word_at(w, i, "if"))
        return i;
    w->class->if_not_exists = true;
    return word_at(w, i + 1, "not") ? i + 3 : i + 2;
}

static const char *
modes_behind(const struct words *w, size_t i)
{
    return i < w->count ? text_between(w, i, w->count - 1) : "";
}

static void
classify_begin(struct words *w, size_t i)
{
    w->class->kind = SQL_BEGIN;
    if (word_at(w, i, "work") || word_at(w, i, "transaction"))
        i++;
    w->class->modes = modes_behind(w, i);
    w->class->read_only = has_word(w, i, "only");
}

static void
classify_end(struct words *w, enum sql_kind kind)
{
    size_t chain = find_word(w, 0, "chain");

    if (word_at(w, 1, "prepared")) {
        outside(w, OUTSIDE_FINISH_PREPARED);
        return;
    }
    w->class->kind = kind;
    if (kind == SQL_ROLLBACK && has_word(w, 1, "to"))
        w->class->kind = SQL_SAVEPOINT;
    else
        w->class->chain = chain < w->count && !word_at(w, chain - 1, "no");
}

/* The value behind `SET name`, without quotes: UTF8, 'UTF8', off. */
static bool
value_is(const struct words *w, size_t i, const char *const *values)
{
    char value[32];

    if (symbol_at(w, i, '=') || word_at(w, i, "to"))
        i++;
    if (i >= w->count)
        return false;
    unquoted(w, i, value, sizeof(value));
    for (; *values != NULL; values++) {
        if (strcasecmp(value, *values) == 0)
            return true;
    }
    return false;
}

static void
check_setting(struct words *w, const char *name, size_t value)
{
    static const char *const utf8[] = { "utf8", "utf-8", "unicode", "default", NULL };
    static const char *const on[] = { "on", "true", "yes", "1", "default", NULL };

    if (strcasecmp(name, "client_encoding") == 0)
        w->class->bad_encoding = !value_is(w, value, utf8);
    else if (strcasecmp(name, "standard_conforming_strings") == 0)
        w->class->bad_strings = !value_is(w, value, on);
}

static void
classify_set(struct words *w)
{
    char name[64];
    size_t i = 1;

    w->class->kind = SQL_SESSION;
    if (word_at(w, 1, "constraints") ||
        (word_at(w, 1, "transaction") && word_at(w, 2, "snapshot"))) {
        w->class->kind = SQL_ORDINARY;
        return;
    }
    if (word_at(w, 1, "transaction")) {
        w->class->kind = SQL_SET_TRANSACTION;
        w->class->modes = modes_behind(w, 2);
        w->class->read_only = has_word(w, 2, "only");
        return;
    }
    if (word_at(w, 1, "local")) {
        w->class->kind = SQL_SET_LOCAL;
        i = 2;
    } else if (word_at(w, 1, "session") && !word_at(w, 2, "authorization")) {
        i = 2;
    }
    if (i >= w->count)
        return;
    unquoted(w, i, name, sizeof(name));
    check_setting(w, word_at(w, i, "names") ? "client_encoding" : name, i + 1);
}

/* SELECT [pg_catalog.]set_config('name', value, is_local) */
static void
classify_select(struct words *w)
{
    size_t i = word_at(w, 1, "pg_catalog") && symbol_at(w, 2, '.') ? 3 : 1;
    char name[64];

    if (has_pair(w, "into", "temp", "temporary"))
        w->class->kind = SQL_TEMPORARY;
    if (!word_at(w, i, "set_config") || !symbol_at(w, i + 1, '('))
        return;
    w->class->kind = SQL_SESSION;
    if (i + 2 >= w->count || w->list[i + 2].kind != TOKEN_STRING)
        return;
    unquoted(w, i + 2, name, sizeof(name));
    check_setting(w, name, symbol_at(w, i + 3, ',') ? i + 4 : i + 3);
}

static void
classify_create_index(struct words *w, size_t i)
{
    if (!word_at(w, i, "concurrently"))
        return;
    outside(w, OUTSIDE_CREATE_INDEX);
    w->class->concurrently = true;
    i = skip_if_exists(w, i + 1);
    if (!word_at(w, i, "on"))
        w->class->index = read_name(w, &i);
    if (word_at(w, i, "on"))
        i++;
    if (word_at(w, i, "only"))
        i++;
    w->class->relation = read_name(w, &i);
}

static bool
is_temporary(const struct words *w, size_t i)
{
    if (word_at(w, i, "global") || word_at(w, i, "local"))
        i++;
    else if (word_at(w, i, "or") && word_at(w, i + 1, "replace"))
        i += 2;
    return word_at(w, i, "temp") || word_at(w, i, "temporary");
}

static void
classify_create(struct words *w)
{
    size_t name = 2;

    if (is_temporary(w, 1))
        w->class->kind = SQL_TEMPORARY;
    else if (word_at(w, 1, "index"))
        classify_create_index(w, 2);
    else if (word_at(w, 1, "unique") && word_at(w, 2, "index"))
        classify_create_index(w, 3);
    else if (word_at(w, 1, "database"))
        outside(w, OUTSIDE_CREATE_DATABASE);
    else if (word_at(w, 1, "tablespace"))
        outside(w, OUTSIDE_CREATE_TABLESPACE);
    else if (word_at(w, 1, "subscription"))
        outside(w, OUTSIDE_CREATE_SUBSCRIPTION);
    if (w->class->kind == SQL_OUTSIDE && w->class->outside != OUTSIDE_CREATE_INDEX)
        w->class->index = read_name(w, &name);
}

static void
classify_drop(struct words *w)
{
    size_t name = 2;

    if (word_at(w, 1, "index") && word_at(w, 2, "concurrently")) {
        outside(w, OUTSIDE_DROP_INDEX);
        w->class->concurrently = true;
        name = 3;
    } else if (word_at(w, 1, "database")) {
        outside(w, OUTSIDE_DROP_DATABASE);
    } else if (word_at(w, 1, "tablespace")) {
        outside(w, OUTSIDE_DROP_TABLESPACE);
    } else if (word_at(w, 1, "subscription")) {
        outside(w, OUTSIDE_DROP_SUBSCRIPTION);
    } else {
        return;
    }
    name = skip_if_exists(w, name);
    w->class->index = read_name(w, &name);
}

/* REINDEX [(options)] TABLE|INDEX|SCHEMA|DATABASE|SYSTEM [CONCURRENTLY] name */
static void
classify_reindex(struct words *w)
{
    size_t i = skip_parens(w, 1);
    bool many =
        word_at(w, i, "schema") || word_at(w, i, "database") || word_at(w, i, "system");
    bool of_index = word_at(w, i, "index");

    for (size_t k = 1; k < i; k++)
        w->class->concurrently |= word_at(w, k, "concurrently");
    w->class->concurrently |= word_at(w, i + 1, "concurrently");
    if (many)
        outside(w, OUTSIDE_REINDEX_MANY);
    else if (w->class->concurrently)
        outside(w, OUTSIDE_REINDEX);
    i += word_at(w, i + 1, "concurrently") ? 2 : 1;
    if (many)
        return;
    if (of_index)
        w->class->index = read_name(w, &i);
    else
        w->class->relation = read_name(w, &i);
}

static void
classify_alter(struct words *w)
{
    size_t detach = find_word(w, 2, "detach"), name = 2;

    if (word_at(w, 1, "system")) {
        outside(w, OUTSIDE_ALTER_SYSTEM);
    } else if (word_at(w, 1, "database") && word_at(w, 3, "set") &&
               word_at(w, 4, "tablespace")) {
        outside(w, OUTSIDE_MOVE_DATABASE);
        w->class->index = read_name(w, &name);
    } else if (word_at(w, 1, "table") && has_word(w, detach, "concurrently")) {
        outside(w, OUTSIDE_DETACH);
        w->class->concurrently = true;
        name = skip_if_exists(w, 2);
        name += word_at(w, name, "only");
        w->class->relation = read_name(w, &name);
        detach += word_at(w, detach + 1, "partition") ? 2 : 1;
        w->class->index = read_name(w, &detach);
    }
}

/* Without a table; `CLUSTER VERBOSE`, `CLUSTER (VERBOSE)` are that too. */
static void
classify_cluster(struct words *w)
{
    size_t i = skip_parens(w, 1);

    if (word_at(w, i, "verbose"))
        i++;
    if (i >= w->count)
        outside(w, OUTSIDE_CLUSTER);
}

static void
classify_copy(struct words *w)
{
    w->class->copy_in = has_pair(w, "from", "stdin", "stdin");
    w->class->copy_out = has_pair(w, "to", "stdout", "stdout");
}

static void
classify_prepare(struct words *w)
{
    w->class->kind =
        word_at(w, 1, "transaction") ? SQL_PREPARE_TRANSACTION : SQL_TEMPORARY;
}

static void
classify_discard(struct words *w)
{
    w->class->kind = SQL_SESSION;
    if (word_at(w, 1, "all"))
        outside(w, OUTSIDE_DISCARD_ALL);
}

static void
classify_simple(struct words *w)
{
    static const struct {
        const char *word;
        enum sql_kind kind;
    } simple[] = {
        { "savepoint", SQL_SAVEPOINT }, { "release", SQL_SAVEPOINT },
        { "reset", SQL_SESSION },       { "load", SQL_SESSION },
        { "listen", SQL_SESSION },      { "unlisten", SQL_SESSION },
        { "declare", SQL_TEMPORARY },   { "do", SQL_BLOCK },
        { "call", SQL_BLOCK },
    };

    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (word_at(w, 0, simple[i].word))
            w->class->kind = simple[i].kind;
    }
    if (word_at(w, 0, "vacuum"))
        outside(w, OUTSIDE_VACUUM);
    else if (word_at(w, 0, "begin"))
        classify_begin(w, 1);
    else if (word_at(w, 0, "start") && word_at(w, 1, "transaction"))
        classify_begin(w, 1);
    else if (word_at(w, 0, "commit") || word_at(w, 0, "end"))
        classify_end(w, SQL_COMMIT);
    else if (word_at(w, 0, "rollback") || word_at(w, 0, "abort"))
        classify_end(w, SQL_ROLLBACK);
}

static void
classify(struct words *w)
{
    static const struct {
        const char *word;
        void (*classify)(struct words *);
    } first[] = {
        { "set", classify_set },         { "select", classify_select },
        { "create", classify_create },   { "drop", classify_drop },
        { "reindex", classify_reindex }, { "alter", classify_alter },
        { "cluster", classify_cluster }, { "copy", classify_copy },
        { "prepare", classify_prepare }, { "discard", classify_discard },
    };

    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        if (word_at(w, 0, first[i].word)) {
            first[i].classify(w);
            return;
        }
    }
    classify_simple(w);
}

void
sqlkind_classify(const char *sql, size_t length, struct arena *arena,
                 struct sql_class *out)
{
    struct token_scanner scanner = { .text = sql, .size = length };
    struct words w = { .sql = sql, .length = length, .arena = arena, .class = out };

    *out = (struct sql_class){ .kind = SQL_ORDINARY };
    for (; w.count < TOKENS_MAX; w.count++) {
        token_next(&scanner, &w.list[w.count]);
        if (w.list[w.count].kind == TOKEN_END || w.list[w.count].kind == TOKEN_BAD)
            break;
    }
    if (w.count > 0)
        classify(&w);
}

const char *
sqlkind_outside_name(enum sql_outside what)
{
    switch (what) {
    case OUTSIDE_NONE: return "";
    case OUTSIDE_CREATE_INDEX: return "CREATE INDEX CONCURRENTLY";
    case OUTSIDE_DROP_INDEX: return "DROP INDEX CONCURRENTLY";
    case OUTSIDE_REINDEX: return "REINDEX CONCURRENTLY";
    case OUTSIDE_REINDEX_MANY: return "REINDEX SCHEMA, DATABASE or SYSTEM";
    case OUTSIDE_VACUUM: return "VACUUM";
    case OUTSIDE_CLUSTER: return "CLUSTER";
    case OUTSIDE_ALTER_SYSTEM: return "ALTER SYSTEM";
    case OUTSIDE_CREATE_DATABASE: return "CREATE DATABASE";
    case OUTSIDE_DROP_DATABASE: return "DROP DATABASE";
    case OUTSIDE_CREATE_TABLESPACE: return "CREATE TABLESPACE";
    case OUTSIDE_DROP_TABLESPACE: return "DROP TABLESPACE";
    case OUTSIDE_MOVE_DATABASE: return "ALTER DATABASE SET TABLESPACE";
    case OUTSIDE_CREATE_SUBSCRIPTION: return "CREATE SUBSCRIPTION";
    case OUTSIDE_DROP_SUBSCRIPTION: return "DROP SUBSCRIPTION";
    case OUTSIDE_DETACH: return "DETACH PARTITION CONCURRENTLY";
    case OUTSIDE_FINISH_PREPARED: return "COMMIT or ROLLBACK PREPARED";
    case OUTSIDE_DISCARD_ALL: return "DISCARD ALL";
    }
    return "";
}
