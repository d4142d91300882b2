#include "pg/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

const char *
history_create_sql(struct arena *arena, const char *ident)
{
    return arena_printf(arena,
                        "CREATE TABLE %s ("
                        " id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                        " run text NOT NULL,"
                        " action text NOT NULL,"
                        " version bigint NULL,"
                        " name text NULL,"
                        " who text NOT NULL DEFAULT session_user,"
                        " host text NULL,"
                        " luamig text NOT NULL,"
                        " environments text[] NULL,"
                        " started_at timestamptz NOT NULL,"
                        " finished_at timestamptz NOT NULL,"
                        " outcome text NOT NULL,"
                        " sqlstate text NULL,"
                        " message text NULL,"
                        " statement integer NULL,"
                        " checksum text NULL,"
                        " down_kind text NULL,"
                        " down_text text NULL)",
                        ident);
}

static const char *
host_name(struct arena *arena)
{
    char host[256] = "";

    if (gethostname(host, sizeof(host) - 1) != 0)
        return NULL;
    return arena_strdup(arena, host);
}

/* One column of the INSERT; a NULL is left out, which spares the server some parsing. */
struct column {
    const char *name, *value;
    const char *type; /* written out: the search_path is pg_catalog's by then */
};

static void
add_column(struct strbuf *names, struct strbuf *values, const struct column *column,
           const char **kept, int *count)
{
    if (column->value == NULL)
        return;
    kept[(*count)++] = column->value;
    strbuf_printf(names, "%s, ", column->name);
    strbuf_printf(values, "$%d%s, ", *count, column->type);
}

/* The array of names with commas between: {"a","b c"}; NULL stays NULL. */
static const char *
array_of(const char *names, struct arena *arena)
{
    struct strbuf array = { 0 };
    const char *text;

    if (names == NULL)
        return NULL;
    strbuf_puts(&array, names[0] != '\0' ? "{\"" : "{");
    for (const char *p = names; *p != '\0'; p++) {
        if (*p == ',')
            strbuf_puts(&array, "\",\"");
        else
            strbuf_printf(&array, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
    }
    strbuf_puts(&array, names[0] != '\0' ? "\"}" : "}");
    text = arena_strdup(arena, array.text);
    strbuf_release(&array);
    return text;
}

/* A success began with its transaction, a failure so many ms ago. */
static const char *
started(const struct history_entry *entry, struct arena *arena)
{
    if (entry->elapsed == 0)
        return "pg_catalog.now()";
    return arena_printf(arena,
                        "pg_catalog.clock_timestamp()"
                        " - %" PRId64 " * '1 ms'::pg_catalog.interval",
                        entry->elapsed);
}

void
history_insert(const struct history_entry *entry, struct arena *arena, const char *ident,
               const char **sql, struct pg_params *params)
{
    bool is_repeat = strcmp(entry->action, "repeat") == 0;
    const struct column columns[] = {
        { "run", entry->run, "" },
        { "action", entry->action, "" },
        { "version", is_repeat ? NULL : arena_printf(arena, "%" PRId64, entry->version),
          "::pg_catalog.int8" },
        { "name", entry->name, "" },
        { "host", host_name(arena), "" },
        { "luamig", LUAMIG_VERSION, "" },
        { "environments", array_of(entry->environments, arena), "::pg_catalog.text[]" },
        { "outcome", entry->outcome, "" },
        { "sqlstate", entry->sqlstate, "" },
        { "message", entry->message, "" },
        { "statement",
          entry->statement > 0 ? arena_printf(arena, "%zu", entry->statement) : NULL,
          "::pg_catalog.int4" },
        { "checksum", entry->checksum, "" },
        { "down_kind", entry->down_kind, "" },
        { "down_text", entry->down_text, "" },
    };
    const size_t all = sizeof(columns) / sizeof(columns[0]);
    const char **kept = arena_alloc(arena, all * sizeof(*kept));
    struct strbuf names = { 0 }, values = { 0 };
    int count = 0;

    for (size_t i = 0; i < all; i++)
        add_column(&names, &values, &columns[i], kept, &count);
    *params = (struct pg_params){ .count = count, .values = kept };
    *sql = arena_printf(arena,
                        "INSERT INTO %s (%sstarted_at, finished_at)"
                        " VALUES (%s%s, pg_catalog.clock_timestamp())",
                        ident, names.text, values.text, started(entry, arena));
    strbuf_release(&names);
    strbuf_release(&values);
}

bool
history_write(struct session *session, const char *ident,
              const struct history_entry *entry, struct error *err)
{
    struct arena arena = { 0 };
    struct pg_params params;
    const char *sql;
    bool ok;

    history_insert(entry, &arena, ident, &sql, &params);
    ok = exec_command(session, sql, &params, err);
    arena_release(&arena);
    return ok;
}

#define TIME_FORMAT "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'"

static const char *
text_at(const PGresult *res, int row, int column, struct arena *arena)
{
    return arena_strdup(arena, exec_value(res, row, column));
}

static struct attempt
read_attempt(const PGresult *res, int row, struct arena *arena)
{
    const char *text[15];

    for (int i = 0; i < 15; i++)
        text[i] = text_at(res, row, i, arena);
    return (struct attempt){
        .run = text[0],
        .action = text[1],
        .version = text[2],
        .name = text[3],
        .who = text[4],
        .host = text[5],
        .luamig = text[6],
        .started = text[7],
        .finished = text[8],
        .outcome = text[9],
        .sqlstate = text[10],
        .message = text[11],
        .statement = text[12],
        .checksum = text[13],
        .environments = text[14],
    };
}

bool
history_read(struct session *session, const char *ident, size_t limit,
             struct arena *arena, struct attempt **list, size_t *count, struct error *err)
{
    const char *bound = limit > 0 ? arena_printf(arena, " LIMIT %zu", limit) : "";
    const char *sql =
        arena_printf(arena,
                     "SELECT run, action, version, name, who, host, luamig,"
                     " pg_catalog.to_char(started_at AT TIME ZONE 'UTC', " TIME_FORMAT
                     "),"
                     " pg_catalog.to_char(finished_at AT TIME ZONE 'UTC', " TIME_FORMAT
                     "),"
                     " outcome, sqlstate, message, statement, checksum,"
                     " pg_catalog.array_to_string(environments, ',')"
                     " FROM %s ORDER BY id DESC%s",
                     ident, bound);
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    *count = (size_t)PQntuples(res);
    *list = arena_alloc(arena, (*count + 1) * sizeof(**list));
    for (size_t i = 0; i < *count; i++)
        (*list)[i] = read_attempt(res, (int)i, arena);
    PQclear(res);
    return true;
}

/* The two columns of the first row; NULL for NULL, and where there is none. */
static bool
read_two(struct session *session, const char *sql, struct arena *arena,
         const char *row[2], struct error *err)
{
    PGresult *res;

    row[0] = row[1] = NULL;
    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    for (int i = 0; i < 2 && PQntuples(res) > 0; i++)
        row[i] = arena_strdup(arena, exec_value(res, 0, i));
    PQclear(res);
    return true;
}

bool
history_down(struct session *session, const char *ident, int64_t version,
             struct arena *arena, const char **kind, const char **text, struct error *err)
{
    const char *sql = arena_printf(arena,
                                   "SELECT down_kind, down_text FROM %s"
                                   " WHERE action = 'up' AND outcome = 'done'"
                                   " AND version = %" PRId64 " ORDER BY id DESC LIMIT 1",
                                   ident, version);
    const char *row[2];
    bool ok = read_two(session, sql, arena, row, err);

    *kind = row[0];
    *text = row[1];
    return ok;
}

bool
history_repeats(struct session *session, const char *ident, struct arena *arena,
                struct applied_set *out, struct error *err)
{
    const char *sql = arena_printf(
        arena,
        "SELECT DISTINCT ON (name) name, checksum,"
        " pg_catalog.to_char(finished_at AT TIME ZONE 'UTC',"
        " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        " FROM %s WHERE action = 'repeat' AND outcome = 'done' ORDER BY name, id DESC",
        ident);
    PGresult *res;

    if (!exec_query(session, sql, NULL, &res, err))
        return false;
    out->count = (size_t)PQntuples(res);
    out->rows = arena_alloc(arena, (out->count + 1) * sizeof(*out->rows));
    for (size_t i = 0; i < out->count; i++)
        out->rows[i] = (struct applied){
            .version = INT64_MAX,
            .name = arena_strdup(arena, PQgetvalue(res, (int)i, 0)),
            .checksum = arena_strdup(arena, exec_value(res, (int)i, 1)),
            .applied_at = arena_strdup(arena, PQgetvalue(res, (int)i, 2)),
        };
    PQclear(res);
    return true;
}

bool
history_environments(struct session *session, const char *ident, struct arena *arena,
                     const char **text, struct error *err)
{
    const char *sql =
        arena_printf(arena,
                     "SELECT coalesce(pg_catalog.array_to_string(environments, ','), '')"
                     " FROM %s WHERE action IN ('up', 'repeat') AND outcome = 'done'"
                     " ORDER BY id DESC LIMIT 1",
                     ident);

    return exec_text(session, sql, NULL, arena, text, err);
}

bool
history_last_takeover(struct session *session, const char *ident, struct arena *arena,
                      const char **tracker, int64_t *version, struct error *err)
{
    const char *sql = arena_printf(arena,
                                   "SELECT name, version FROM %s"
                                   " WHERE action = 'take-over'"
                                   " ORDER BY id DESC LIMIT 1",
                                   ident);
    const char *row[2];
    bool ok = read_two(session, sql, arena, row, err);

    *tracker = row[0];
    if (row[1] != NULL)
        *version = strtoll(row[1], NULL, 10);
    return ok;
}
