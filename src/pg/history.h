/*
 * history.h - the log of attempts
 *
 * A success is written in the migration's own transaction, a failure after its rollback.
 * The down's text and kind are kept as they were at `up`, so that an older build can go
 * down.
 */
#ifndef LUAMIG_PG_HISTORY_H
#define LUAMIG_PG_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "pg/exec.h"
#include "plan/plan.h"

struct history_entry {
    const char *run;
    const char *action; /* up, down, repeat, take-over, baseline, mark, repair */
    int64_t version;    /* a repeat has none */
    const char *name;
    const char *environments; /* "production,test"; "": base alone; NULL: a flat folder */
    const char *outcome;      /* done, failed */
    const char *sqlstate;     /* NULL where nothing failed */
    const char *message;      /* NULL where nothing failed */
    size_t statement;         /* that was reached; 0: none */
    const char *checksum;     /* NULL: not known */
    const char *down_kind;    /* sql, lua; NULL: no down */
    const char *down_text;
    int64_t elapsed; /* ms since it started; 0: since the transaction's now() */
};

/* An attempt as it is shown. Texts are NULL where nothing was recorded. */
struct attempt {
    const char *run, *action, *version, *name, *who, *host, *luamig, *environments;
    const char *started, *finished, *outcome, *sqlstate, *message, *statement, *checksum;
};

const char *history_create_sql(struct arena *arena, const char *ident);

/* The INSERT for an entry and its values, for a pipeline; in the arena. */
void history_insert(const struct history_entry *entry, struct arena *arena,
                    const char *ident, const char **sql, struct pg_params *params);

/* Runs that INSERT by itself. */
bool history_write(struct session *session, const char *ident,
                   const struct history_entry *entry, struct error *err);

/* The newest limit attempts (0: all), newest first. */
bool history_read(struct session *session, const char *ident, size_t limit,
                  struct arena *arena, struct attempt **list, size_t *count,
                  struct error *err);

/* The down that the newest successful up of a version kept: kind NULL: there is none. */
bool history_down(struct session *session, const char *ident, int64_t version,
                  struct arena *arena, const char **kind, const char **text,
                  struct error *err);

/*
 * The environments that the newest successful up or repeat selected, as text: "" where
 * there were none; NULL where nothing was applied yet.
 */
bool history_environments(struct session *session, const char *ident, struct arena *arena,
                          const char **text, struct error *err);

/* The newest successful run of each repeatable: name, checksum, when (RFC 3339, UTC). */
bool history_repeats(struct session *session, const char *ident, struct arena *arena,
                     struct applied_set *out, struct error *err);

/* The newest take-over: the tracker's name (NULL: there was none) and version. */
bool history_last_takeover(struct session *session, const char *ident,
                           struct arena *arena, const char **tracker, int64_t *version,
                           struct error *err);

#endif
