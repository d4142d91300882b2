#include "plan/sqlkind.h"

#include <string.h>
#include <strings.h>

#include "plan/sqlwords.h"

static void
outside(struct sqlwords *w, enum sql_outside what)
{
    w->class->kind = SQL_OUTSIDE;
    w->class->outside = what;
}

static size_t
skip_if_exists(const struct sqlwords *w, size_t i)
{
    if (!sqlwords_is(w, i, "if"))
        return i;
    w->class->if_not_exists = true;
    return sqlwords_is(w, i + 1, "not") ? i + 3 : i + 2;
}

static const char *
modes_behind(const struct sqlwords *w, size_t i)
{
    return i < w->count ? sqlwords_text(w, i, w->count - 1) : "";
}

static void
classify_begin(struct sqlwords *w, size_t i)
{
    w->class->kind = SQL_BEGIN;
    if (sqlwords_is(w, i, "work") || sqlwords_is(w, i, "transaction"))
        i++;
    w->class->modes = modes_behind(w, i);
    w->class->read_only = sqlwords_has(w, i, "only");
}

static void
classify_end(struct sqlwords *w, enum sql_kind kind)
{
    size_t chain = sqlwords_find(w, 0, "chain");

    if (sqlwords_is(w, 1, "prepared")) {
        outside(w, OUTSIDE_FINISH_PREPARED);
        return;
    }
    w->class->kind = kind;
    if (kind == SQL_ROLLBACK && sqlwords_has(w, 1, "to"))
        w->class->kind = SQL_SAVEPOINT;
    else
        w->class->chain = chain < w->count && !sqlwords_is(w, chain - 1, "no");
}

/* The value behind `SET name`, without quotes: UTF8, 'UTF8', off. */
static bool
value_is(const struct sqlwords *w, size_t i, const char *const *values)
{
    char value[32];

    if (sqlwords_is_symbol(w, i, '=') || sqlwords_is(w, i, "to"))
        i++;
    if (i >= w->count)
        return false;
    sqlwords_unquoted(w, i, value, sizeof(value));
    for (; *values != NULL; values++) {
        if (strcasecmp(value, *values) == 0)
            return true;
    }
    return false;
}

static void
check_setting(struct sqlwords *w, const char *name, size_t value)
{
    static const char *const utf8[] = { "utf8", "utf-8", "unicode", "default", NULL };
    static const char *const on[] = { "on", "true", "yes", "1", "default", NULL };

    if (strcasecmp(name, "client_encoding") == 0)
        w->class->bad_encoding = !value_is(w, value, utf8);
    else if (strcasecmp(name, "standard_conforming_strings") == 0)
        w->class->bad_strings = !value_is(w, value, on);
    else if (strcasecmp(name, "lock_timeout") == 0)
        w->class->lock_timeout = true;
}

static void
classify_set(struct sqlwords *w)
{
    char name[64];
    size_t i = 1;

    w->class->kind = SQL_SESSION;
    if (sqlwords_is(w, 1, "constraints") ||
        (sqlwords_is(w, 1, "transaction") && sqlwords_is(w, 2, "snapshot"))) {
        w->class->kind = SQL_ORDINARY;
        return;
    }
    if (sqlwords_is(w, 1, "transaction")) {
        w->class->kind = SQL_SET_TRANSACTION;
        w->class->modes = modes_behind(w, 2);
        w->class->read_only = sqlwords_has(w, 2, "only");
        return;
    }
    if (sqlwords_is(w, 1, "local")) {
        w->class->kind = SQL_SET_LOCAL;
        i = 2;
    } else if (sqlwords_is(w, 1, "session") && !sqlwords_is(w, 2, "authorization")) {
        i = 2;
    }
    if (i >= w->count)
        return;
    sqlwords_unquoted(w, i, name, sizeof(name));
    check_setting(w, sqlwords_is(w, i, "names") ? "client_encoding" : name, i + 1);
}

/* SELECT [pg_catalog.]set_config('name', value, is_local) */
static void
classify_select(struct sqlwords *w)
{
    size_t i = sqlwords_is(w, 1, "pg_catalog") && sqlwords_is_symbol(w, 2, '.') ? 3 : 1;
    char name[64];

    if (sqlwords_has_pair(w, "into", "temp", "temporary"))
        w->class->kind = SQL_TEMPORARY;
    if (!sqlwords_is(w, i, "set_config") || !sqlwords_is_symbol(w, i + 1, '('))
        return;
    w->class->kind = SQL_SESSION;
    if (i + 2 >= w->count || w->list[i + 2].kind != TOKEN_STRING)
        return;
    sqlwords_unquoted(w, i + 2, name, sizeof(name));
    check_setting(w, name, sqlwords_is_symbol(w, i + 3, ',') ? i + 4 : i + 3);
}

static void
classify_create_index(struct sqlwords *w, size_t i)
{
    if (!sqlwords_is(w, i, "concurrently"))
        return;
    outside(w, OUTSIDE_CREATE_INDEX);
    w->class->concurrently = true;
    i = skip_if_exists(w, i + 1);
    if (!sqlwords_is(w, i, "on"))
        w->class->index = sqlwords_name(w, &i);
    if (sqlwords_is(w, i, "on"))
        i++;
    if (sqlwords_is(w, i, "only"))
        i++;
    w->class->relation = sqlwords_name(w, &i);
}

static bool
is_temporary(const struct sqlwords *w, size_t i)
{
    if (sqlwords_is(w, i, "global") || sqlwords_is(w, i, "local"))
        i++;
    else if (sqlwords_is(w, i, "or") && sqlwords_is(w, i + 1, "replace"))
        i += 2;
    return sqlwords_is(w, i, "temp") || sqlwords_is(w, i, "temporary");
}

static void
classify_create(struct sqlwords *w)
{
    size_t name = 2;

    if (is_temporary(w, 1))
        w->class->kind = SQL_TEMPORARY;
    else if (sqlwords_is(w, 1, "index"))
        classify_create_index(w, 2);
    else if (sqlwords_is(w, 1, "unique") && sqlwords_is(w, 2, "index"))
        classify_create_index(w, 3);
    else if (sqlwords_is(w, 1, "database"))
        outside(w, OUTSIDE_CREATE_DATABASE);
    else if (sqlwords_is(w, 1, "tablespace"))
        outside(w, OUTSIDE_CREATE_TABLESPACE);
    else if (sqlwords_is(w, 1, "subscription"))
        outside(w, OUTSIDE_CREATE_SUBSCRIPTION);
    if (w->class->kind == SQL_OUTSIDE && w->class->outside != OUTSIDE_CREATE_INDEX)
        w->class->index = sqlwords_name(w, &name);
}

static void
classify_drop(struct sqlwords *w)
{
    size_t name = 2;

    if (sqlwords_is(w, 1, "index") && sqlwords_is(w, 2, "concurrently")) {
        outside(w, OUTSIDE_DROP_INDEX);
        w->class->concurrently = true;
        name = 3;
    } else if (sqlwords_is(w, 1, "database")) {
        outside(w, OUTSIDE_DROP_DATABASE);
    } else if (sqlwords_is(w, 1, "tablespace")) {
        outside(w, OUTSIDE_DROP_TABLESPACE);
    } else if (sqlwords_is(w, 1, "subscription")) {
        outside(w, OUTSIDE_DROP_SUBSCRIPTION);
    } else {
        return;
    }
    name = skip_if_exists(w, name);
    w->class->index = sqlwords_name(w, &name);
}

/* REINDEX [(options)] TABLE|INDEX|SCHEMA|DATABASE|SYSTEM [CONCURRENTLY] name */
static void
classify_reindex(struct sqlwords *w)
{
    size_t i = sqlwords_skip_parens(w, 1);
    bool many = sqlwords_is(w, i, "schema") || sqlwords_is(w, i, "database") ||
                sqlwords_is(w, i, "system");
    bool of_index = sqlwords_is(w, i, "index");

    for (size_t k = 1; k < i; k++)
        w->class->concurrently |= sqlwords_is(w, k, "concurrently");
    w->class->concurrently |= sqlwords_is(w, i + 1, "concurrently");
    if (many)
        outside(w, OUTSIDE_REINDEX_MANY);
    else if (w->class->concurrently)
        outside(w, OUTSIDE_REINDEX);
    i += sqlwords_is(w, i + 1, "concurrently") ? 2 : 1;
    if (many)
        return;
    if (of_index)
        w->class->index = sqlwords_name(w, &i);
    else
        w->class->relation = sqlwords_name(w, &i);
}

static void
classify_alter(struct sqlwords *w)
{
    size_t detach = sqlwords_find(w, 2, "detach"), name = 2;

    if (sqlwords_is(w, 1, "system")) {
        outside(w, OUTSIDE_ALTER_SYSTEM);
    } else if (sqlwords_is(w, 1, "database") && sqlwords_is(w, 3, "set") &&
               sqlwords_is(w, 4, "tablespace")) {
        outside(w, OUTSIDE_MOVE_DATABASE);
        w->class->index = sqlwords_name(w, &name);
    } else if (sqlwords_is(w, 1, "table") && sqlwords_has(w, detach, "concurrently")) {
        outside(w, OUTSIDE_DETACH);
        w->class->concurrently = true;
        name = skip_if_exists(w, 2);
        name += sqlwords_is(w, name, "only");
        w->class->relation = sqlwords_name(w, &name);
        detach += sqlwords_is(w, detach + 1, "partition") ? 2 : 1;
        w->class->index = sqlwords_name(w, &detach);
    }
}

/* Without a table; `CLUSTER VERBOSE`, `CLUSTER (VERBOSE)` are that too. */
static void
classify_cluster(struct sqlwords *w)
{
    size_t i = sqlwords_skip_parens(w, 1);

    if (sqlwords_is(w, i, "verbose"))
        i++;
    if (i >= w->count)
        outside(w, OUTSIDE_CLUSTER);
}

static void
classify_copy(struct sqlwords *w)
{
    w->class->copy_in = sqlwords_has_pair(w, "from", "stdin", "stdin");
    w->class->copy_out = sqlwords_has_pair(w, "to", "stdout", "stdout");
}

static void
classify_prepare(struct sqlwords *w)
{
    w->class->kind =
        sqlwords_is(w, 1, "transaction") ? SQL_PREPARE_TRANSACTION : SQL_TEMPORARY;
}

static void
classify_discard(struct sqlwords *w)
{
    w->class->kind = SQL_SESSION;
    if (sqlwords_is(w, 1, "all"))
        outside(w, OUTSIDE_DISCARD_ALL);
}

static void
classify_simple(struct sqlwords *w)
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
        if (sqlwords_is(w, 0, simple[i].word))
            w->class->kind = simple[i].kind;
    }
    if (sqlwords_is(w, 0, "vacuum"))
        outside(w, OUTSIDE_VACUUM);
    else if (sqlwords_is(w, 0, "begin"))
        classify_begin(w, 1);
    else if (sqlwords_is(w, 0, "start") && sqlwords_is(w, 1, "transaction"))
        classify_begin(w, 1);
    else if (sqlwords_is(w, 0, "commit") || sqlwords_is(w, 0, "end"))
        classify_end(w, SQL_COMMIT);
    else if (sqlwords_is(w, 0, "rollback") || sqlwords_is(w, 0, "abort"))
        classify_end(w, SQL_ROLLBACK);
}

static void
classify(struct sqlwords *w)
{
    static const struct {
        const char *word;
        void (*classify)(struct sqlwords *);
    } first[] = {
        { "set", classify_set },         { "select", classify_select },
        { "create", classify_create },   { "drop", classify_drop },
        { "reindex", classify_reindex }, { "alter", classify_alter },
        { "cluster", classify_cluster }, { "copy", classify_copy },
        { "prepare", classify_prepare }, { "discard", classify_discard },
    };

    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        if (sqlwords_is(w, 0, first[i].word)) {
            first[i].classify(w);
            return;
        }
    }
    classify_simple(w);
}

/* What reads and writes rows, and what touches no table at all. */
static bool
is_about_rows(const struct sqlwords *w)
{
    static const char *const words[] = {
        "select",  "insert",   "update",     "delete",    "merge",   "values",
        "with",    "table",    "copy",       "set",       "reset",   "show",
        "explain", "fetch",    "move",       "close",     "listen",  "unlisten",
        "notify",  "declare",  "prepare",    "begin",     "start",   "commit",
        "end",     "rollback", "abort",      "savepoint", "release", "deallocate",
        "discard", "load",     "checkpoint",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (sqlwords_is(w, 0, words[i]))
            return true;
    }
    return sqlwords_is_symbol(w, 0, '(');
}

void
sqlkind_classify(const char *sql, size_t length, struct arena *arena,
                 struct sql_class *out)
{
    struct sqlwords w;

    *out = (struct sql_class){ .kind = SQL_ORDINARY };
    sqlwords_read(sql, length, arena, &w);
    w.class = out;
    if (w.count == 0)
        return;
    classify(&w);
    out->ddl = !is_about_rows(&w);
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
