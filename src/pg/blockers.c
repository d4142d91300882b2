#include "pg/blockers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/words.h"
#include "pg/exec.h"

#define QUERY_SHOWN "200"

/* pid, application, role, state, ms since its transaction began, query */
#define ACTIVITY_COLUMNS                                                                  \
    "a.pid, a.application_name, a.usename, a.state,"                                      \
    " (1000 * extract(epoch FROM pg_catalog.clock_timestamp()"                            \
    " - COALESCE(a.xact_start, a.state_change, a.backend_start)))::pg_catalog.int8,"      \
    " pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), " QUERY_SHOWN \
    ")"

static const char blockers_sql[] =
    "SELECT " ACTIVITY_COLUMNS ", b.pid"
    " FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1::pg_catalog.int4)) b(pid)"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid"
    " ORDER BY a.xact_start LIMIT 5";

static const char holder_sql[] =
    "SELECT " ACTIVITY_COLUMNS ", a.pid"
    " FROM pg_catalog.pg_locks l"
    " JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.classid::pg_catalog.int8 = $1::pg_catalog.int8"
    " AND l.objid::pg_catalog.int8 = $2::pg_catalog.int8"
    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database())";

/* The work of a run: its other backends carry the same application name. */
static const char run_sql[] = "SELECT " ACTIVITY_COLUMNS ", a.pid"
                              " FROM pg_catalog.pg_stat_activity a"
                              " WHERE a.application_name = $1 AND a.pid <> $2"
                              " AND a.state = 'active' ORDER BY a.pid LIMIT 3";

static const char holder_run_sql[] =
    "SELECT " ACTIVITY_COLUMNS ", a.pid"
    " FROM pg_catalog.pg_stat_activity a"
    " WHERE pg_catalog.concat(a.application_name, ' as ', a.usename) = $1"
    " AND a.state = 'active' AND a.pid <> pg_catalog.pg_backend_pid()"
    " ORDER BY a.pid LIMIT 3";

static const char *
or_hidden(const PGresult *res, int row, int column)
{
    const char *value = exec_value(res, row, column);

    return value != NULL && value[0] != '\0' ? value : "hidden";
}

static void
describe(const PGresult *res, int row, struct strbuf *out)
{
    char age[32];
    const char *ms = exec_value(res, row, 4), *query = exec_value(res, row, 5);
    const char *pid = exec_value(res, row, 6);

    if (pid != NULL && strcmp(pid, "0") == 0) {
        strbuf_puts(out, "a prepared transaction (pg_prepared_xacts)");
        return;
    }
    strbuf_printf(out, "pid %s ('%s' as %s, %s", pid != NULL ? pid : "?",
                  or_hidden(res, row, 1), or_hidden(res, row, 2), or_hidden(res, row, 3));
    if (ms != NULL)
        strbuf_printf(out, " for %s",
                      words_elapsed(strtoll(ms, NULL, 10), age, sizeof(age)));
    strbuf_puts(out, ")");
    if (query != NULL && query[0] != '\0')
        strbuf_printf(out, ": %s", query);
}

static const char *
describe_all(const PGresult *res, struct arena *arena)
{
    struct strbuf text = { 0 };
    const char *kept = NULL;

    for (int row = 0; row < PQntuples(res); row++) {
        strbuf_puts(&text, row > 0 ? "; " : "");
        describe(res, row, &text);
    }
    if (text.len > 0)
        kept = arena_strdup(arena, text.text);
    strbuf_release(&text);
    return kept;
}

bool
blockers_of(struct session *control, int pid, struct arena *arena, const char **text,
            struct error *err)
{
    PGresult *res;

    *text = NULL;
    if (!exec_query(control, blockers_sql, PG_PARAMS(arena_printf(arena, "%d", pid)),
                    &res, err))
        return false;
    *text = describe_all(res, arena);
    PQclear(res);
    return true;
}

/* Appends what the holder's run does; a run that says nothing of itself is left out. */
static void
add_run(struct session *control, const char *name, const char *pid, struct arena *arena,
        const char **text)
{
    struct error err = { 0 };
    const char *doing;
    PGresult *res;

    if (name == NULL || strncmp(name, "luamig ", 7) != 0)
        return;
    if (!exec_query(control, run_sql, PG_PARAMS(name, pid), &res, &err))
        return;
    doing = describe_all(res, arena);
    if (doing != NULL)
        *text = arena_printf(arena, "%s; its run is at %s", *text, doing);
    PQclear(res);
}

bool
blockers_lock_holder(struct session *control, uint64_t key, struct arena *arena,
                     const char **text, struct error *err)
{
    const char *high = arena_printf(arena, "%" PRIu32, (uint32_t)(key >> 32));
    const char *low = arena_printf(arena, "%" PRIu32, (uint32_t)key);
    PGresult *res;

    *text = NULL;
    if (!exec_query(control, holder_sql, PG_PARAMS(high, low), &res, err))
        return false;
    if (PQntuples(res) > 0) {
        const char *since;
        char age[32];

        since = exec_value(res, 0, 4);
        *text = arena_printf(arena, "pid %s ('%s' as %s, for %s)", PQgetvalue(res, 0, 0),
                             or_hidden(res, 0, 1), or_hidden(res, 0, 2),
                             since != NULL ? words_elapsed(strtoll(since, NULL, 10), age,
                                                           sizeof(age))
                                           : "an unknown time");
        add_run(control, exec_value(res, 0, 1), PQgetvalue(res, 0, 0), arena, text);
    }
    PQclear(res);
    return true;
}

bool
blockers_holder_at(struct session *session, const char *holder, struct arena *arena,
                   const char **text, struct error *err)
{
    PGresult *res;

    *text = NULL;
    if (!exec_query(session, holder_run_sql, PG_PARAMS(holder), &res, err))
        return false;
    *text = describe_all(res, arena);
    PQclear(res);
    return true;
}
