#include "pg/steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool
steps_create(struct session *session, const char *ident, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql = arena_printf(&arena,
                                   "CREATE TABLE %s ("
                                   " version bigint NOT NULL,"
                                   " direction text NOT NULL,"
                                   " n integer NOT NULL,"
                                   " state text NOT NULL,"
                                   " hash text NOT NULL,"
                                   " name text NOT NULL,"
                                   " run text NOT NULL,"
                                   " pid integer NOT NULL,"
                                   " backend_start timestamptz NULL,"
                                   " started_at timestamptz NOT NULL,"
                                   " PRIMARY KEY (version, direction, n))",
                                   ident);
    bool ok = exec_create(session, sql, err);

    arena_release(&arena);
    return ok;
}

/*
 * A backend is the same one if it started when the row says. Behind a pooler it is one that
 * works for that run: the pooler hands application_name on.
 */
static const char read_columns[] =
    "SELECT s.n, s.state, s.hash, s.run, s.name,"
    " (SELECT pg_catalog.concat('pid ', a.pid) FROM pg_catalog.pg_stat_activity a"
    " WHERE a.pid <> pg_catalog.pg_backend_pid()"
    " AND CASE WHEN s.backend_start IS NULL THEN a.state = 'active'"
    " AND pg_catalog.starts_with(a.application_name,"
    " pg_catalog.concat('luamig ', s.run, ' '))"
    " ELSE a.pid = s.pid AND a.backend_start = s.backend_start END LIMIT 1), s.xmin";

bool
steps_read(struct session *session, const char *ident, int64_t version,
           const char *direction, struct arena *arena, struct step **list, size_t *count,
           struct error *err)
{
    const char *sql = arena_printf(arena,
                                   "%s FROM %s s WHERE s.version = %" PRId64
                                   " AND s.direction = $1 ORDER BY s.n",
                                   read_columns, ident, version);
    PGresult *res;

    if (!exec_query(session, sql, PG_PARAMS(direction), &res, err))
        return false;
    *count = (size_t)PQntuples(res);
    *list = arena_alloc(arena, (*count + 1) * sizeof(**list));
    for (size_t i = 0; i < *count; i++) {
        int row = (int)i;

        (*list)[i] =
            (struct step){ .n = (size_t)strtoul(PQgetvalue(res, row, 0), NULL, 10),
                           .done = strcmp(PQgetvalue(res, row, 1), "done") == 0,
                           .hash = arena_strdup(arena, PQgetvalue(res, row, 2)),
                           .run = arena_strdup(arena, PQgetvalue(res, row, 3)),
                           .name = arena_strdup(arena, PQgetvalue(res, row, 4)),
                           .worker = arena_strdup(arena, exec_value(res, row, 5)),
                           .written = arena_strdup(arena, PQgetvalue(res, row, 6)) };
    }
    PQclear(res);
    return true;
}

const char *
steps_partial_sql(const char *ident, struct arena *arena)
{
    return arena_printf(arena, "SELECT DISTINCT version FROM %s WHERE direction = 'up'",
                        ident);
}

const char *
steps_insert(const struct step_key *key, bool done, const char *ident,
             struct arena *arena, struct pg_params *params)
{
    const char **values = arena_alloc(arena, 7 * sizeof(*values));

    values[0] = arena_printf(arena, "%" PRId64, key->version);
    values[1] = key->direction;
    values[2] = arena_printf(arena, "%zu", key->n);
    values[3] = done ? "done" : "started";
    values[4] = key->hash;
    values[5] = key->name;
    values[6] = key->run;
    *params = (struct pg_params){ .count = 7, .values = values };
    return arena_printf(
        arena,
        "INSERT INTO %s (version, direction, n, state, hash, name, run,"
        " pid, backend_start, started_at)"
        " SELECT $1::pg_catalog.int8, $2, $3::pg_catalog.int4, $4, $5, $6,"
        " $7, a.pid, %s, pg_catalog.clock_timestamp()"
        " FROM pg_catalog.pg_stat_get_activity("
        "pg_catalog.pg_backend_pid()) a",
        ident, key->pooled ? "NULL" : "a.backend_start");
}

const char *
steps_finish_sql(const struct step_key *key, const char *ident, struct arena *arena)
{
    return arena_printf(arena,
                        "UPDATE %s SET state = 'done' WHERE version = %" PRId64
                        " AND direction = '%s' AND n = %zu",
                        ident, key->version, key->direction, key->n);
}

const char *
steps_unmark_sql(const struct step_key *key, const char *ident, struct arena *arena)
{
    return arena_printf(arena,
                        "DELETE FROM %s WHERE version = %" PRId64
                        " AND direction = '%s' AND n = %zu AND state = 'started'",
                        ident, key->version, key->direction, key->n);
}

const char *
steps_delete_sql(int64_t version, const char *ident, struct arena *arena)
{
    return arena_printf(arena, "DELETE FROM %s WHERE version = %" PRId64, ident, version);
}
