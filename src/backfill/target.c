#include "backfill/target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "pg/exec.h"

/* A column of the table, with what speaks against it. */
struct column {
    struct target_column as;
    const char *number;   /* attnum */
    bool required;        /* NOT NULL */
    const char *category; /* of its type */
    const char *unset;    /* why it cannot be set; NULL: it can */
};

struct unique {
    const char *name;
    const char *columns; /* their attnums with spaces between */
    const char *problem; /* NULL: it can be walked */
    bool primary;
};

struct search {
    struct session *session;
    const struct target_request *request;
    struct arena *arena;
    struct target *out;
    struct error *err;
    const char *oid;
    bool only;
    struct column *columns;
    size_t column_count;
    struct unique *uniques;
    size_t unique_count;
};

static const char *
value(const PGresult *res, int row, int column, struct arena *arena)
{
    return arena_strdup(arena, exec_value(res, row, column));
}

static bool
is_true(const PGresult *res, int row, int column)
{
    return PQgetvalue(res, row, column)[0] == 't';
}

static const char table_sql[] =
    "SELECT c.oid, c.relkind, c.oid::pg_catalog.regclass::pg_catalog.text,"
    " pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(c.relname),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),"
    " (SELECT sum(greatest(p.reltuples, CASE WHEN p.relpages = 0 THEN 0 ELSE -1 END))"
    "::pg_catalog.int8 FROM pg_catalog.pg_class p"
    " WHERE p.oid = c.oid AND c.relkind = 'r'"
    " OR p.relkind = 'r' AND p.oid IN (SELECT relid"
    " FROM pg_catalog.pg_partition_tree(c.oid)))"
    " FROM pg_catalog.pg_class c"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = $1::pg_catalog.regclass";

/* Takes ONLY off; what is left is the server's to understand. */
static const char *
table_name(struct search *s)
{
    const char *name = s->request->table;

    name += strspn(name, " \t\n");
    s->only = strncasecmp(name, "ONLY", 4) == 0 && strchr(" \t\n", name[4]) != NULL &&
              name[4] != '\0';
    return s->only ? name + 5 : name;
}

static bool
check_relation(struct search *s, const PGresult *res)
{
    char kind = PQgetvalue(res, 0, 1)[0];
    const char *name = s->out->shown;

    if (kind != 'r' && kind != 'p')
        return error_set(s->err, ERROR_SCRIPT, "'%s' is no table", name);
    if (kind == 'p' && s->only)
        return error_set(s->err, ERROR_SCRIPT,
                         "'%s' is partitioned: ONLY would find no rows", name);
    if (kind == 'p' || s->only || !is_true(res, 0, 5))
        return true;
    error_set(s->err, ERROR_SCRIPT,
              "'%s' has inheritance children, which its key does "
              "not cover",
              name);
    return error_hint(s->err, "Write table = \"ONLY %s\", and a backfill for each child.",
                      name);
}

static bool
find_table(struct search *s)
{
    struct target *t = s->out;
    const char *estimate;
    PGresult *res;
    bool ok;

    if (!exec_query(s->session, table_sql, PG_PARAMS(table_name(s)), &res, s->err))
        return false;
    s->oid = value(res, 0, 0, s->arena);
    t->shown = value(res, 0, 2, s->arena);
    t->alias = value(res, 0, 4, s->arena);
    t->from = arena_printf(s->arena, "%s%s.%s AS %s", s->only ? "ONLY " : "",
                           PQgetvalue(res, 0, 3), t->alias, t->alias);
    estimate = exec_value(res, 0, 6);
    t->estimate = estimate != NULL ? strtoll(estimate, NULL, 10) : -1;
    ok = check_relation(s, res);
    PQclear(res);
    return ok;
}

/* The base type of a domain counts; domains over domains are looked through. */
static const char columns_sql[] =
    "WITH RECURSIVE base (oid, id) AS ("
    " SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0"
    " UNION ALL SELECT b.oid, y.typbasetype FROM base b"
    " JOIN pg_catalog.pg_type y ON y.oid = b.id WHERE y.typtype = 'd')"
    " SELECT a.attname, pg_catalog.quote_ident(a.attname),"
    " pg_catalog.format_type(a.atttypid, -1), y.typcategory,"
    " y.oid = 'pg_catalog.bool'::pg_catalog.regtype,"
    " y.oid = 'pg_catalog.bytea'::pg_catalog.regtype,"
    " y.oid IN ('pg_catalog.json'::pg_catalog.regtype,"
    " 'pg_catalog.jsonb'::pg_catalog.regtype), y.oid IN ("
    "'pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,"
    " 'pg_catalog.int8'::pg_catalog.regtype), a.attnum, a.attnotnull,"
    " CASE WHEN a.attgenerated <> '' THEN 'is a generated column'"
    " WHEN a.attidentity = 'a' THEN 'is GENERATED ALWAYS AS IDENTITY' END"
    " FROM pg_catalog.pg_attribute a JOIN base b ON b.oid = a.atttypid"
    " JOIN pg_catalog.pg_type y ON y.oid = b.id AND y.typtype <> 'd'"
    " WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped";

static bool
read_columns(struct search *s)
{
    PGresult *res;

    if (!exec_query(s->session, columns_sql, PG_PARAMS(s->oid), &res, s->err))
        return false;
    s->column_count = (size_t)PQntuples(res);
    s->columns = arena_alloc(s->arena, (s->column_count + 1) * sizeof(*s->columns));
    for (int row = 0; row < PQntuples(res); row++)
        s->columns[row] = (struct column){
            .as = { .name = value(res, row, 0, s->arena),
                    .ident = value(res, row, 1, s->arena),
                    .type = value(res, row, 2, s->arena),
                    .array = PQgetvalue(res, row, 3)[0] == 'A',
                    .boolean = is_true(res, row, 4),
                    .bytea = is_true(res, row, 5),
                    .json = is_true(res, row, 6),
                    .integer = is_true(res, row, 7) },
            .category = value(res, row, 3, s->arena),
            .number = value(res, row, 8, s->arena),
            .required = is_true(res, row, 9),
            .unset = value(res, row, 10, s->arena),
        };
    PQclear(res);
    return true;
}

/* Of DESC columns all may be: the walk then goes through the index backwards. */
static const char uniques_sql[] =
    "SELECT c.relname, i.indisprimary, (SELECT pg_catalog.string_agg("
    "k::pg_catalog.text, ' ' ORDER BY n) FROM pg_catalog.unnest("
    "i.indkey::pg_catalog.int2[]) WITH ORDINALITY u (k, n) WHERE n <= i.indnkeyatts),"
    " CASE WHEN m.amname <> 'btree' THEN 'is no btree'"
    " WHEN NOT i.indisvalid OR NOT i.indisready THEN 'is invalid'"
    " WHEN NOT i.indimmediate THEN 'is deferrable'"
    " WHEN i.indpred IS NOT NULL THEN 'is partial'"
    " WHEN i.indexprs IS NOT NULL THEN 'has expressions'"
    " WHEN (SELECT count(DISTINCT o) > 1 OR min(o) NOT IN (0, 3) FROM pg_catalog.unnest("
    "i.indoption::pg_catalog.int2[]) o) OR EXISTS (SELECT 1 FROM ROWS FROM ("
    "pg_catalog.unnest(i.indkey::pg_catalog.int2[]),"
    " pg_catalog.unnest(i.indclass::pg_catalog.oid[]),"
    " pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) u (k, opclass, collation_)"
    " JOIN pg_catalog.pg_opclass p ON p.oid = u.opclass"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.k"
    " WHERE NOT p.opcdefault OR a.attcollation <> u.collation_)"
    " THEN 'sorts otherwise than its columns' END"
    " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_am m ON m.oid = c.relam"
    " WHERE i.indrelid = $1::pg_catalog.oid AND i.indisunique"
    " ORDER BY i.indisprimary DESC, c.relname";

static bool
read_uniques(struct search *s)
{
    PGresult *res;

    if (!exec_query(s->session, uniques_sql, PG_PARAMS(s->oid), &res, s->err))
        return false;
    s->unique_count = (size_t)PQntuples(res);
    s->uniques = arena_alloc(s->arena, (s->unique_count + 1) * sizeof(*s->uniques));
    for (int row = 0; row < PQntuples(res); row++)
        s->uniques[row] = (struct unique){
            .name = value(res, row, 0, s->arena),
            .primary = is_true(res, row, 1),
            .columns = value(res, row, 2, s->arena),
            .problem = value(res, row, 3, s->arena),
        };
    PQclear(res);
    return true;
}

static const struct column *
find_column(const struct search *s, const char *name)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (strcmp(s->columns[i].as.name, name) == 0)
            return &s->columns[i];
    }
    return NULL;
}

static const struct column *
need_column(struct search *s, const char *name, const char *field)
{
    const struct column *column = find_column(s, name);

    if (column != NULL)
        return column;
    error_set(s->err, ERROR_SCRIPT, "'%s' has no column '%s', which %s names",
              s->out->shown, name, field);
    error_hint(s->err, "Names of columns are written as in the catalog, without quotes.");
    return NULL;
}

static const struct column *
column_at(const struct search *s, const char *number, size_t len)
{
    for (size_t i = 0; i < s->column_count; i++) {
        if (strlen(s->columns[i].number) == len &&
            memcmp(s->columns[i].number, number, len) == 0)
            return &s->columns[i];
    }
    return NULL;
}

static bool
is_named(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* Whether the index is on the columns that the request names, in any order. */
static bool
matches(const struct search *s, const struct unique *unique)
{
    const struct target_request *r = s->request;
    size_t count = 0;

    for (const char *p = unique->columns; *p != '\0'; count++) {
        size_t len = strcspn(p, " ");
        const struct column *column = column_at(s, p, len);

        if (column == NULL || !is_named(r->key, r->key_count, column->as.name))
            return false;
        p += len + (p[len] == ' ');
    }
    return count == r->key_count;
}

/* A type that jsonb does not bring back as it was, or that is no scalar. */
static bool
check_key_column(struct search *s, const struct column *column)
{
    const char *name = column->as.name;

    if (!column->required) {
        error_set(s->err, ERROR_SCRIPT, "key column '%s' of '%s' may be NULL", name,
                  s->out->shown);
        return error_hint(s->err, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;",
                          s->out->shown, column->as.ident);
    }
    if (!column->as.json && strchr("ACR", column->category[0]) == NULL)
        return true;
    error_set(s->err, ERROR_SCRIPT, "key column '%s' of '%s' is of type %s", name,
              s->out->shown, column->as.type);
    return error_hint(s->err, "A key is of scalar types: name another one with key.");
}

static bool
take_key(struct search *s, const struct unique *unique)
{
    struct target *t = s->out;

    t->keys = arena_alloc(s->arena, (strlen(unique->columns) + 1) * sizeof(*t->keys));
    for (const char *p = unique->columns; *p != '\0';) {
        size_t len = strcspn(p, " ");
        const struct column *column = column_at(s, p, len);

        if (column == NULL || !check_key_column(s, column))
            return false;
        t->keys[t->key_count++] = column->as;
        p += len + (p[len] == ' ');
    }
    return true;
}

/* "id, kind" of an index that could be walked: what to write. */
static bool
hint_key(struct search *s)
{
    struct strbuf hint = { 0 };

    for (size_t i = 0; i < s->unique_count && hint.len == 0; i++) {
        for (const char *p = s->uniques[i].columns;
             s->uniques[i].problem == NULL && *p != '\0';) {
            size_t len = strcspn(p, " ");
            const struct column *column = column_at(s, p, len);

            strbuf_printf(&hint, "%s\"%s\"", hint.len > 0 ? ", " : "",
                          column != NULL ? column->as.name : "?");
            p += len + (p[len] == ' ');
        }
    }
    if (hint.len > 0)
        error_hint(s->err, "Write key = { %s }.", hint.text);
    else
        error_hint(s->err,
                   "A key needs a unique index that is valid, not deferrable, not "
                   "partial, of NOT NULL columns: CREATE UNIQUE INDEX "
                   "CONCURRENTLY ... ON %s (...);",
                   s->out->shown);
    strbuf_release(&hint);
    return false;
}

static bool
find_key(struct search *s)
{
    const struct target_request *r = s->request;
    const struct unique *unusable = NULL;

    for (size_t i = 0; i < r->key_count; i++) {
        if (need_column(s, r->key[i], "key") == NULL)
            return false;
    }
    for (size_t i = 0; i < s->unique_count; i++) {
        const struct unique *u = &s->uniques[i];

        if (r->key_count == 0 ? !u->primary : !matches(s, u))
            continue;
        if (u->problem == NULL)
            return take_key(s, u);
        unusable = u;
    }
    if (unusable != NULL)
        error_set(s->err, ERROR_SCRIPT, "'%s' cannot be walked by its key: index '%s' %s",
                  s->out->shown, unusable->name, unusable->problem);
    else
        error_set(s->err, ERROR_SCRIPT, "'%s' has no %s", s->out->shown,
                  r->key_count > 0 ? "unique index on what key names" : "primary key");
    return hint_key(s);
}

static bool
is_key(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->key_count; i++) {
        if (strcmp(t->keys[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool
find_reads(struct search *s)
{
    const struct target_request *r = s->request;
    struct target *t = s->out;

    t->reads = arena_alloc(s->arena, (r->read_count + 1) * sizeof(*t->reads));
    for (size_t i = 0; i < r->read_count; i++) {
        const struct column *column = need_column(s, r->read[i], "read");

        if (column == NULL)
            return false;
        if (!is_key(t, r->read[i]) && !is_named(r->read, i, r->read[i]))
            t->reads[t->read_count++] = column->as;
    }
    return true;
}

static bool
check_set(struct search *s, const struct column *column, size_t i)
{
    const char *name = column->as.name, *why = column->unset;

    if (is_key(s->out, name))
        why = "belongs to the key";
    else if (is_named(s->request->set, i, name))
        why = "is named twice";
    return why == NULL ||
           error_set(s->err, ERROR_SCRIPT, "column '%s' of '%s' cannot be set: it %s",
                     name, s->out->shown, why);
}

static bool
find_sets(struct search *s)
{
    const struct target_request *r = s->request;
    struct target *t = s->out;

    t->sets = arena_alloc(s->arena, (r->set_count + 1) * sizeof(*t->sets));
    for (size_t i = 0; i < r->set_count; i++) {
        const struct column *column = need_column(s, r->set[i], "set");

        if (column == NULL || !check_set(s, column, i))
            return false;
        t->sets[t->set_count++] = column->as;
    }
    return true;
}

bool
target_find(struct session *session, const struct target_request *request,
            struct arena *arena, struct target *out, struct error *err)
{
    struct search s = {
        .session = session, .request = request, .arena = arena, .out = out, .err = err
    };

    *out = (struct target){ 0 };
    return find_table(&s) && read_columns(&s) && read_uniques(&s) && find_key(&s) &&
           find_reads(&s) && find_sets(&s);
}
