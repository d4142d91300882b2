#include "pg/applied.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/exec.h"
#include "pg/history.h"

static void
add_quoted(struct strbuf *sb, const char *name, const char *suffix)
{
    strbuf_putc(sb, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            strbuf_putc(sb, '"');
        strbuf_putc(sb, *name);
    }
    strbuf_puts(sb, suffix);
    strbuf_putc(sb, '"');
}

const char *
applied_ident(struct arena *arena, const struct table_name *table, const char *suffix)
{
    struct strbuf sb = { 0 };
    const char *ident;

    add_quoted(&sb, table->schema, "");
    strbuf_putc(&sb, '.');
    add_quoted(&sb, table->name, suffix);
    ident = arena_strdup(arena, sb.text);
    strbuf_release(&sb);
    return ident;
}

/*
 * One row: schema, may we use it, and for the table its columns as "name:type:notnull" and
 * whether a usable key stands on version.
 */
static const char look_sql[] =
    "SELECT n.oid IS NOT NULL,"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE'),"
    " c.oid IS NOT NULL,"
    " (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(':', a.attname,"
    " a.atttypid::pg_catalog.regtype, CASE WHEN a.attnotnull AND NOT a.atthasdef"
    " AND a.attidentity = '' THEN 'required' ELSE 'free' END), E'\\n')"
    " FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
    " WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate"
    " AND i.indpred IS NULL AND i.indnkeyatts = 1 AND a.attname = 'version'),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_class h"
    " WHERE h.relnamespace = n.oid AND h.relname = $2 || '_history'),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_class h"
    " WHERE h.relnamespace = n.oid AND h.relname = $2 || '_steps'),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_class h"
    " WHERE h.relnamespace = n.oid AND h.relname = $2 || '_lock'),"
    " EXISTS (SELECT 1 FROM pg_catalog.pg_class h"
    " WHERE h.relnamespace = n.oid AND h.relname = $2 || '_backfills')"
    " FROM (SELECT 1) one"
    " LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1"
    " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = $2";

struct shape {
    struct strbuf wrong; /* the differences, one sentence each */
    bool has_version, has_name, has_applied_at, has_checksum;
    bool int_version;
};

static void
differs(struct shape *shape, const char *column, const char *what)
{
    strbuf_printf(&shape->wrong, "%sColumn %s %s.", shape->wrong.len > 0 ? " " : "",
                  column, what);
}

static bool
is_text(const char *type)
{
    return strcmp(type, "text") == 0 || strcmp(type, "character varying") == 0;
}

static void
check_column(struct shape *shape, const char *name, const char *type, bool required)
{
    if (strcmp(name, "version") == 0) {
        shape->has_version = true;
        shape->int_version = strcmp(type, "integer") == 0;
        if (!shape->int_version && strcmp(type, "bigint") != 0)
            differs(shape, name, "is no bigint");
    } else if (strcmp(name, "name") == 0) {
        shape->has_name = true;
        if (!is_text(type))
            differs(shape, name, "is no text");
    } else if (strcmp(name, "applied_at") == 0) {
        shape->has_applied_at = true;
        if (required)
            differs(shape, name, "needs DEFAULT now()");
        if (strncmp(type, "timestamp", 9) != 0)
            differs(shape, name, "is no timestamptz");
    } else if (strcmp(name, "checksum") == 0) {
        shape->has_checksum = true;
        if (!is_text(type))
            differs(shape, name, "is no text");
    } else if (required) {
        differs(shape, name, "is NOT NULL without a default");
    }
}

static void
check_columns(struct shape *shape, char *columns)
{
    char *save = NULL;

    for (char *line = strtok_r(columns, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *required = strrchr(line, ':'), *type;

        if (required == NULL)
            continue;
        *required++ = '\0';
        type = strrchr(line, ':');
        if (type == NULL)
            continue;
        *type++ = '\0';
        check_column(shape, line, type, strcmp(required, "required") == 0);
    }
    if (!shape->has_version)
        differs(shape, "version", "is missing");
    if (!shape->has_name)
        differs(shape, "name", "is missing");
    if (!shape->has_applied_at)
        differs(shape, "applied_at", "is missing");
    if (!shape->has_checksum)
        differs(shape, "checksum", "is missing");
}

static bool
check_shape(const struct table_name *table, const PGresult *res, struct arena *arena,
            struct applied_table *out, struct error *err)
{
    const char *columns = exec_value(res, 0, 3);
    const char *ident = applied_ident(arena, table, "");
    struct shape shape = { 0 };

    check_columns(&shape, arena_strdup(arena, columns != NULL ? columns : ""));
    out->int_version = shape.int_version;
    if (shape.wrong.len > 0) {
        error_set(err, ERROR_PLAN, "table %s.%s is not luamig's: its columns differ",
                  table->schema, table->name);
        error_detail(err, "%s", shape.wrong.text);
        error_hint(err,
                   "Choose another with --table, or give this one the columns "
                   "version bigint, name text, applied_at timestamptz DEFAULT now(), "
                   "checksum text NULL.");
        strbuf_release(&shape.wrong);
        return false;
    }
    if (PQgetvalue(res, 0, 4)[0] == 't')
        return true;
    error_set(
        err, ERROR_PLAN,
        "table %s.%s has no usable unique index on version; two runs could apply one "
        "migration twice",
        table->schema, table->name);
    error_detail(err, "It must be valid, not partial and not deferrable.");
    return error_hint(err, "ALTER TABLE %s ADD UNIQUE (version);", ident);
}

bool
applied_look(struct session *session, const struct table_name *table, struct arena *arena,
             struct applied_table *out, struct error *err)
{
    PGresult *res;
    bool ok = true;

    *out = (struct applied_table){ 0 };
    if (!exec_query(session, look_sql, PG_PARAMS(table->schema, table->name), &res, err))
        return false;
    out->schema_exists = PQgetvalue(res, 0, 0)[0] == 't';
    out->exists = PQgetvalue(res, 0, 2)[0] == 't';
    out->has_history = PQgetvalue(res, 0, 5)[0] == 't';
    out->has_steps = PQgetvalue(res, 0, 6)[0] == 't';
    out->has_lock = PQgetvalue(res, 0, 7)[0] == 't';
    out->has_backfills = PQgetvalue(res, 0, 8)[0] == 't';
    if (out->schema_exists && PQgetvalue(res, 0, 1)[0] != 't') {
        ok = error_set(err, ERROR_PLAN, "permission denied for schema %s", table->schema);
        error_hint(err, "GRANT USAGE ON SCHEMA %s TO %s;", table->schema,
                   session->server->user);
    } else if (out->exists) {
        ok = check_shape(table, res, arena, out, err);
    }
    PQclear(res);
    return ok;
}

bool
applied_read(struct session *session, const struct table_name *table, struct arena *arena,
             struct applied_set *set, struct error *err)
{
    static const char rest[] =
        "pg_catalog.to_char(applied_at::pg_catalog.timestamptz"
        " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), checksum,"
        " CASE WHEN pg_catalog.isfinite(applied_at) THEN (1000000 * extract("
        "epoch FROM applied_at::pg_catalog.timestamptz))::pg_catalog.int8 ELSE 0 END";
    const char *sql = arena_printf(arena, "SELECT version, name, %s FROM %s ORDER BY 1",
                                   set->names_only ? "NULL, NULL, 0" : rest,
                                   applied_ident(arena, table, ""));
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    set->count = (size_t)PQntuples(res);
    set->rows = arena_alloc(arena, (set->count + 1) * sizeof(*set->rows));
    for (size_t i = 0; i < set->count; i++) {
        int row = (int)i;

        set->rows[i] = (struct applied){
            .version = strtoll(PQgetvalue(res, row, 0), NULL, 10),
            .name = arena_strdup(arena, PQgetvalue(res, row, 1)),
            .applied_at = arena_strdup(arena, exec_value(res, row, 2)),
            .checksum = arena_strdup(arena, exec_value(res, row, 3)),
            .order = strtoll(PQgetvalue(res, row, 4), NULL, 10),
        };
    }
    PQclear(res);
    return true;
}

bool
applied_name(struct session *session, const char *ident, int64_t version,
             struct arena *arena, const char **name, struct error *err)
{
    const char *sql = arena_printf(arena, "SELECT name FROM %s WHERE version = %" PRId64,
                                   ident, version);

    return exec_text(session, sql, NULL, arena, name, err);
}

static bool
no_right(struct session *session, const struct table_name *table, bool schema,
         struct error *err)
{
    const char *user = session->server->user;

    if (strcmp(err->sqlstate, "42501") != 0)
        return false;
    err->kind = ERROR_PLAN;
    if (schema)
        return error_hint(err,
                          "As the owner of the database: GRANT CREATE ON DATABASE %s TO "
                          "%s; or: CREATE SCHEMA %s AUTHORIZATION %s;",
                          session->server->database, user, table->schema, user);
    return error_hint(
        err,
        "As the owner of the schema: GRANT USAGE, CREATE ON SCHEMA %s TO %s; "
        "or: ALTER SCHEMA %s OWNER TO %s;",
        table->schema, user, table->schema, user);
}

bool
applied_create_schema(struct session *session, const struct table_name *table,
                      struct applied_table *state, struct arena *arena, struct error *err)
{
    struct strbuf schema = { 0 };
    bool ok;

    add_quoted(&schema, table->schema, "");
    ok = state->schema_exists ||
         exec_create(session, arena_printf(arena, "CREATE SCHEMA %s", schema.text), err);
    strbuf_release(&schema);
    if (!ok)
        return no_right(session, table, true, err);
    return state->schema_exists = true;
}

bool
applied_create_table(struct session *session, const struct table_name *table,
                     const char *sql, struct error *err)
{
    return exec_create(session, sql, err) || no_right(session, table, false, err);
}

bool
applied_create(struct session *session, const struct table_name *table,
               struct applied_table *state, struct arena *arena, struct error *err)
{
    const char *ident = applied_ident(arena, table, "");

    if (!applied_create_schema(session, table, state, arena, err))
        return false;
    if (!state->exists &&
        !applied_create_table(session, table,
                              arena_printf(arena,
                                           "CREATE TABLE %s ("
                                           " version bigint NOT NULL PRIMARY KEY,"
                                           " name text NOT NULL,"
                                           " applied_at timestamptz NOT NULL"
                                           " DEFAULT now(),"
                                           " checksum text NULL)",
                                           ident),
                              err))
        return false;
    if (!state->has_history &&
        !applied_create_table(session, table,
                              history_create_sql(arena,
                                                 applied_ident(arena, table, "_history")),
                              err))
        return false;
    state->exists = state->has_history = true;
    return true;
}

const char *
applied_insert_sql(struct arena *arena, const char *ident)
{
    return arena_printf(arena,
                        "INSERT INTO %s (version, name, checksum) VALUES ($1, $2, $3)"
                        " RETURNING pg_catalog.pg_backend_pid()",
                        ident);
}

const char *
applied_insert_at_sql(struct arena *arena, const char *ident)
{
    return arena_printf(
        arena,
        "INSERT INTO %s (version, name, applied_at)"
        " VALUES ($1, $2, COALESCE($3::pg_catalog.timestamptz, pg_catalog.now()))",
        ident);
}

const char *
applied_delete_sql(struct arena *arena, const char *ident)
{
    return arena_printf(arena, "DELETE FROM %s WHERE version = $1", ident);
}
