#include "backfill/claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define OF_KEY " WHERE version = $1::pg_catalog.int8 AND direction = $2 AND name = $3"
#define OURS   OF_KEY " AND owner = $4"
#define NOW    "pg_catalog.clock_timestamp()"

void
claim_init(struct claim *claim, struct arena *arena)
{
    digest_random_hex(claim->token, 32);
    claim->values[0] = arena_printf(arena, "%" PRId64, claim->key.version);
    claim->values[1] = claim->key.direction;
    claim->values[2] = claim->key.name;
    claim->values[3] = claim->token;
    claim->backfills = applied_ident(arena, claim->table, "_backfills");
    claim->errors = applied_ident(arena, claim->table, "_backfill_errors");
}

struct pg_params
claim_params(const struct claim *claim, const char *const *more, int count,
             struct arena *arena)
{
    const char **values = arena_alloc(arena, (size_t)(count + 4) * sizeof(*values));

    memcpy(values, claim->values, sizeof(claim->values));
    for (int i = 0; i < count; i++)
        values[i + 4] = more[i];
    return (struct pg_params){ .count = count + 4, .values = values };
}

/* Runs a statement of the claim's, where %s is one of its tables. */
static bool
run(const struct claim *claim, const char *sql, const char *const *more, int count,
    struct error *err)
{
    struct arena arena = { 0 };
    struct pg_params params = claim_params(claim, more, count, &arena);
    bool ok = exec_command(claim->session, sql, &params, err);

    arena_release(&arena);
    return ok;
}

static const char insert_sql[] =
    "INSERT INTO %s (version, direction, name, table_name, status, checksum, owner)"
    " VALUES ($1::pg_catalog.int8, $2, $3, $5, 'running', $6, $4)"
    " ON CONFLICT (version, direction, name) DO NOTHING";

static const char take_sql[] =
    "UPDATE %s SET owner = $4, run = $5, checksum = $6, pid = a.pid,"
    " backend_start = a.backend_start, updated_at = " NOW ","
    " status = CASE status WHEN 'failed' THEN 'running' ELSE status END"
    " FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) a" OF_KEY;

bool
claim_take(const struct claim *claim, const char *shown, struct error *err)
{
    struct arena arena = { 0 };
    const char *made[] = { shown, claim->checksum };
    const char *taken[] = { claim->run, claim->checksum };
    bool ok =
        run(claim, arena_printf(&arena, insert_sql, claim->backfills), made, 2, err) &&
        run(claim, arena_printf(&arena, take_sql, claim->backfills), taken, 2, err);

    arena_release(&arena);
    return ok;
}

bool
claim_read(const struct claim *claim, struct arena *arena, bool *found,
           struct checkpoint *out, struct error *err)
{
    struct checkpoint *list;
    size_t count;

    if (!checkpoint_read(claim->session, claim->table, arena, &list, &count, err))
        return false;
    *found = false;
    for (size_t i = 0; i < count && !*found; i++) {
        const struct checkpoint_key *key = &list[i].key;

        *found = key->version == claim->key.version &&
                 strcmp(key->direction, claim->key.direction) == 0 &&
                 strcmp(key->name, claim->key.name) == 0;
        *out = list[i];
    }
    return true;
}

const char *
claim_fence_sql(const struct claim *claim, struct arena *arena)
{
    return arena_printf(arena,
                        "SELECT 1 FROM %s" OURS
                        " AND cursor IS NOT DISTINCT FROM $5::pg_catalog.jsonb"
                        " FOR UPDATE",
                        claim->backfills);
}

const char *
claim_advance_sql(const struct claim *claim, struct arena *arena)
{
    return arena_printf(arena,
                        "UPDATE %s SET cursor = $6::pg_catalog.jsonb,"
                        " rows = rows + $7::pg_catalog.int8,"
                        " written = written + $8::pg_catalog.int8,"
                        " updated_at = " NOW OURS
                        " AND cursor IS NOT DISTINCT FROM $5::pg_catalog.jsonb"
                        " RETURNING status",
                        claim->backfills);
}

static const char *
number(int64_t n, struct arena *arena)
{
    return arena_printf(arena, "%" PRId64, n);
}

const char *
claim_count_sql(const struct claim *claim, struct arena *arena)
{
    return arena_printf(arena,
                        "UPDATE %s b SET written = written + $5::pg_catalog.int8,"
                        " conflicts = conflicts + $6::pg_catalog.int8,"
                        " suppressed = suppressed + $7::pg_catalog.int8,"
                        " errors = (SELECT count(*) FROM %s e WHERE e.version = b.version"
                        " AND e.direction = b.direction AND e.name = b.name)" OURS,
                        claim->backfills, claim->errors);
}

/* Behind the fence: the row is locked, so the token needs no second look. */
static const char add_error_sql[] =
    "INSERT INTO %s (version, direction, name, key, message, sqlstate)"
    " SELECT $1::pg_catalog.int8, $2, $3, $5::pg_catalog.jsonb, $6, $7"
    " WHERE $4::pg_catalog.text IS NOT NULL"
    " ON CONFLICT (version, direction, name, key) DO UPDATE"
    " SET message = excluded.message, sqlstate = excluded.sqlstate, at = excluded.at,"
    " retry = false";

bool
claim_add_error(const struct claim *claim, const char *key, const char *message,
                const char *sqlstate, struct error *err)
{
    struct arena arena = { 0 };
    const char *more[] = { key, message, sqlstate[0] != '\0' ? sqlstate : NULL };
    bool ok =
        run(claim, arena_printf(&arena, add_error_sql, claim->errors), more, 3, err);

    arena_release(&arena);
    return ok;
}

bool
claim_drop_error(const struct claim *claim, const char *key, struct error *err)
{
    struct arena arena = { 0 };
    const char *sql =
        arena_printf(&arena,
                     "DELETE FROM %s" OF_KEY " AND key = $5::pg_catalog.jsonb"
                     " AND $4::pg_catalog.text IS NOT NULL",
                     claim->errors);
    bool ok = run(claim, sql, &key, 1, err);

    arena_release(&arena);
    return ok;
}

bool
claim_next_retry(const struct claim *claim, struct arena *arena, const char **key,
                 struct error *err)
{
    struct pg_params params = { .count = 3, .values = claim->values };

    return exec_text(claim->session,
                     arena_printf(arena,
                                  "SELECT key FROM %s" OF_KEY
                                  " AND retry ORDER BY key LIMIT 1",
                                  claim->errors),
                     &params, arena, key, err);
}

bool
claim_read_bounds(const struct claim *claim, struct arena *arena,
                  struct claim_bounds *out, struct error *err)
{
    struct pg_params params = { .count = 3, .values = claim->values };
    const char *sql =
        arena_printf(arena,
                     "SELECT bounds -> 'upper', bounds ->> 'pass',"
                     " bounds ->> 'before' FROM %s" OF_KEY " AND bounds IS NOT NULL",
                     claim->backfills);
    PGresult *res;

    *out = (struct claim_bounds){ .pass = 1 };
    if (!exec_query(claim->session, sql, &params, &res, err))
        return false;
    if (PQntuples(res) > 0)
        *out = (struct claim_bounds){
            .upper = arena_strdup(arena, exec_value(res, 0, 0)),
            .pass = (int)strtol(PQgetvalue(res, 0, 1), NULL, 10),
            .before = strtoll(PQgetvalue(res, 0, 2), NULL, 10),
        };
    PQclear(res);
    return true;
}

bool
claim_write_bounds(const struct claim *claim, const struct claim_bounds *bounds,
                   int64_t estimate, struct error *err)
{
    struct arena arena = { 0 };
    const char *more[] = { bounds->upper, number(bounds->pass, &arena),
                           number(bounds->before, &arena), number(estimate, &arena) };
    const char *sql =
        arena_printf(&arena,
                     "UPDATE %s SET bounds = pg_catalog.jsonb_build_object('upper',"
                     " $5::pg_catalog.jsonb, 'pass', $6::pg_catalog.int4, 'before',"
                     " $7::pg_catalog.int8), estimate = $8::pg_catalog.int8" OURS,
                     claim->backfills);
    bool ok = run(claim, sql, more, 4, err);

    arena_release(&arena);
    return ok;
}

bool
claim_finish(const struct claim *claim, enum checkpoint_status status,
             const char *message, struct error *err)
{
    struct arena arena = { 0 };
    const char *more[] = { checkpoint_word(status), message };
    const char *sql = arena_printf(&arena,
                                   "UPDATE %s SET status = $5, error = $6,"
                                   " updated_at = " NOW OURS
                                   " AND status NOT IN ('paused', 'cancelled')",
                                   claim->backfills);
    bool ok = run(claim, sql, more, 2, err);

    arena_release(&arena);
    return ok;
}
