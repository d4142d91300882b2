#include "backfill/checkpoint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = { "running", "paused",     "cancelled",
                                     "failed",  "unverified", "done" };

#define WORDS (sizeof(words) / sizeof(words[0]))

const char *
checkpoint_word(enum checkpoint_status status)
{
    return words[status];
}

enum checkpoint_status
checkpoint_status(const char *word)
{
    size_t i = 0;

    while (i < WORDS - 1 && strcmp(words[i], word) != 0)
        i++;
    return (enum checkpoint_status)i;
}

/* The estimate is one: a table that grew is not done before it is. */
double
checkpoint_percent(const struct checkpoint *checkpoint)
{
    double percent;

    if (checkpoint->status == CHECKPOINT_DONE ||
        checkpoint->status == CHECKPOINT_UNVERIFIED)
        return 100;
    if (checkpoint->estimate <= 0)
        return 0;
    percent = 100.0 * (double)checkpoint->rows / (double)checkpoint->estimate;
    return percent > 99.9 ? 99.9 : percent;
}

static const char backfills_sql[] =
    "CREATE TABLE %s ("
    " version bigint NOT NULL,"
    " direction text NOT NULL,"
    " name text NOT NULL,"
    " table_name text NOT NULL,"
    " status text NOT NULL,"
    " owner text NULL,"
    " run text NULL,"
    " pid integer NULL,"
    " backend_start timestamptz NULL,"
    " checksum text NOT NULL,"
    " cursor jsonb NULL,"
    " bounds jsonb NULL,"
    " estimate bigint NOT NULL DEFAULT 0,"
    " rows bigint NOT NULL DEFAULT 0,"
    " written bigint NOT NULL DEFAULT 0,"
    " conflicts bigint NOT NULL DEFAULT 0,"
    " suppressed bigint NOT NULL DEFAULT 0,"
    " errors bigint NOT NULL DEFAULT 0,"
    " error text NULL,"
    " started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),"
    " updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),"
    " PRIMARY KEY (version, direction, name))";

static const char errors_sql[] =
    "CREATE TABLE %s ("
    " version bigint NOT NULL,"
    " direction text NOT NULL,"
    " name text NOT NULL,"
    " key jsonb NOT NULL,"
    " message text NOT NULL,"
    " sqlstate text NULL,"
    " at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),"
    " retry boolean NOT NULL DEFAULT false,"
    " PRIMARY KEY (version, direction, name, key))";

bool
checkpoint_create(struct session *session, const struct table_name *table,
                  struct applied_table *state, struct arena *arena, struct error *err)
{
    if (state->has_backfills)
        return true;
    /* The one that is looked for comes last. */
    state->has_backfills =
        applied_create_table(session, table,
                             arena_printf(arena, errors_sql,
                                          applied_ident(arena, table,
                                                        "_backfill_errors")),
                             err) &&
        applied_create_table(session, table,
                             arena_printf(arena, backfills_sql,
                                          applied_ident(arena, table, "_backfills")),
                             err);
    return state->has_backfills;
}

#define RFC3339(column)                                                                  \
    " pg_catalog.to_char(" column " AT TIME ZONE 'UTC',"                                 \
    " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* A backend is the same one if it started when the row says. */
static const char read_sql[] =
    "SELECT b.version, b.direction, b.name, b.table_name, b.status, b.run, b.owner,"
    " (SELECT pg_catalog.concat('pid ', a.pid) FROM pg_catalog.pg_stat_activity a"
    " WHERE a.pid = b.pid AND a.backend_start = b.backend_start"
    " AND a.pid <> pg_catalog.pg_backend_pid()),"
    " b.checksum, b.cursor, b.bounds, b.estimate, b.rows, b.written, b.conflicts,"
    " b.suppressed, b.errors,"
    " (SELECT count(*) FROM %s e WHERE e.version = b.version"
    " AND e.direction = b.direction AND e.name = b.name AND e.retry),"
    " b.error," RFC3339("b.started_at") "," RFC3339(
        "b.updated_at") " FROM %s b ORDER BY b.version, b.direction, b.started_at, b.name";

static int64_t
number(const PGresult *res, int row, int column)
{
    return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

static const char *
text(const PGresult *res, int row, int column, struct arena *arena)
{
    return arena_strdup(arena, exec_value(res, row, column));
}

static struct checkpoint
take_row(const PGresult *res, int row, struct arena *arena)
{
    return (struct checkpoint){
        .key = { .version = number(res, row, 0),
                 .direction = text(res, row, 1, arena),
                 .name = text(res, row, 2, arena) },
        .table = text(res, row, 3, arena),
        .status = checkpoint_status(PQgetvalue(res, row, 4)),
        .run = text(res, row, 5, arena),
        .owner = text(res, row, 6, arena),
        .worker = text(res, row, 7, arena),
        .checksum = text(res, row, 8, arena),
        .cursor = text(res, row, 9, arena),
        .bounds = text(res, row, 10, arena),
        .estimate = number(res, row, 11),
        .rows = number(res, row, 12),
        .written = number(res, row, 13),
        .conflicts = number(res, row, 14),
        .suppressed = number(res, row, 15),
        .errors = number(res, row, 16),
        .retries = number(res, row, 17),
        .error = text(res, row, 18, arena),
        .started = text(res, row, 19, arena),
        .updated = text(res, row, 20, arena),
    };
}

bool
checkpoint_read(struct session *session, const struct table_name *table,
                struct arena *arena, struct checkpoint **list, size_t *count,
                struct error *err)
{
    const char *sql =
        arena_printf(arena, read_sql, applied_ident(arena, table, "_backfill_errors"),
                     applied_ident(arena, table, "_backfills"));
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    *count = (size_t)PQntuples(res);
    *list = arena_alloc(arena, (*count + 1) * sizeof(**list));
    for (size_t i = 0; i < *count; i++)
        (*list)[i] = take_row(res, (int)i, arena);
    PQclear(res);
    return true;
}

/* Runs a statement for the key ($1..$3) and $4; tells how many rows it changed. */
static bool
change(struct session *session, const char *sql, const struct checkpoint_key *key,
       const char *extra, int64_t *changed, struct error *err)
{
    struct arena arena = { 0 };
    const char *values[] = { arena_printf(&arena, "%" PRId64, key->version),
                             key->direction, key->name, extra };
    struct pg_params params = { .count = extra != NULL ? 4 : 3, .values = values };
    PGresult *res;
    bool ok = exec_query(session, sql, &params, &res, err);

    if (ok)
        *changed = strtoll(PQcmdTuples(res), NULL, 10);
    PQclear(res);
    arena_release(&arena);
    return ok;
}

#define OF_KEY " WHERE version = $1::pg_catalog.int8 AND direction = $2 AND name = $3"

bool
checkpoint_set_status(struct session *session, const struct table_name *table,
                      const struct checkpoint_key *key, enum checkpoint_status status,
                      bool *changed, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql = arena_printf(&arena,
                                   "UPDATE %s SET status = $4,"
                                   " updated_at = pg_catalog.clock_timestamp()" OF_KEY
                                   " AND status <> 'done'",
                                   applied_ident(&arena, table, "_backfills"));
    int64_t count = 0;
    bool ok = change(session, sql, key, checkpoint_word(status), &count, err);

    *changed = count > 0;
    arena_release(&arena);
    return ok;
}

bool
checkpoint_restart(struct session *session, const struct table_name *table,
                   const struct checkpoint_key *key, bool *changed, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql = arena_printf(
        &arena,
        "WITH gone AS (DELETE FROM %s" OF_KEY
        ") UPDATE %s SET status = 'running', cursor = NULL, bounds = NULL, rows = 0,"
        " written = 0, conflicts = 0, suppressed = 0, errors = 0, error = NULL,"
        " started_at = pg_catalog.clock_timestamp(),"
        " updated_at = pg_catalog.clock_timestamp()" OF_KEY,
        applied_ident(&arena, table, "_backfill_errors"),
        applied_ident(&arena, table, "_backfills"));
    int64_t count = 0;
    bool ok = change(session, sql, key, NULL, &count, err);

    *changed = count > 0;
    arena_release(&arena);
    return ok;
}

bool
checkpoint_retry(struct session *session, const struct table_name *table,
                 const struct checkpoint_key *key, int64_t *marked, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql = arena_printf(&arena, "UPDATE %s SET retry = true" OF_KEY,
                                   applied_ident(&arena, table, "_backfill_errors"));
    bool ok = change(session, sql, key, NULL, marked, err);

    arena_release(&arena);
    return ok;
}

static const char list_errors_sql[] =
    "SELECT e.key, e.message, e.sqlstate," RFC3339("e.at") ", e.retry FROM %s e" OF_KEY
                                                           " ORDER BY e.at, e.key%s";

static void
take_errors(const PGresult *res, struct arena *arena, struct checkpoint_error **list,
            size_t *count)
{
    *count = (size_t)PQntuples(res);
    *list = arena_alloc(arena, (*count + 1) * sizeof(**list));
    for (size_t i = 0; i < *count; i++) {
        int row = (int)i;

        (*list)[i] =
            (struct checkpoint_error){ .key = text(res, row, 0, arena),
                                       .message = text(res, row, 1, arena),
                                       .sqlstate = text(res, row, 2, arena),
                                       .at = text(res, row, 3, arena),
                                       .retry = PQgetvalue(res, row, 4)[0] == 't' };
    }
}

bool
checkpoint_errors(struct session *session, const struct table_name *table,
                  const struct checkpoint_key *key, size_t limit, struct arena *arena,
                  struct checkpoint_error **list, size_t *count, struct error *err)
{
    const char *most = limit > 0 ? arena_printf(arena, " LIMIT %zu", limit) : "";
    const char *sql = arena_printf(arena, list_errors_sql,
                                   applied_ident(arena, table, "_backfill_errors"), most);
    PGresult *res;

    if (!exec_query(session, sql,
                    PG_PARAMS(arena_printf(arena, "%" PRId64, key->version),
                              key->direction, key->name),
                    &res, err))
        return false;
    take_errors(res, arena, list, count);
    PQclear(res);
    return true;
}
