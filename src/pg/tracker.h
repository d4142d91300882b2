/*
 * tracker.h - the table in which another tool keeps what it has applied
 *
 * Recognised by its columns, whatever its name and schema:
 *
 *     golang-migrate: version, dirty; one row, the version it stands at
 *     goose: id, version_id, is_applied, tstamp; a row per event, the newest of a version
 *     counts; version 0 is no migration
 */
#ifndef LUAMIG_PG_TRACKER_H
#define LUAMIG_PG_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "pg/session.h"

enum tracker_kind {
    TRACKER_MIGRATE,
    TRACKER_GOOSE
};

/* A version that goose has applied. */
struct tracker_version {
    int64_t version;
    const char *applied_at; /* RFC 3339 in UTC; NULL: not known */
};

struct tracker {
    enum tracker_kind kind;
    const char *name;                 /* quoted as needed: schema.table */
    bool dirty;                       /* golang-migrate: its last migration failed */
    int64_t version;                  /* where it stands; goose: the highest applied */
    struct tracker_version *versions; /* goose: those applied, ascending */
    size_t count;
};

/*
 * The trackers of that name (NULL: all that may be read) in which anything is applied; in
 * the arena, by name.
 */
bool tracker_find(struct session *session, const char *name, struct arena *arena,
                  struct tracker **list, size_t *count, struct error *err);

/* "public.goose_db_version, 12 versions applied", "public.x at version 104". */
const char *tracker_text(const struct tracker *tracker, struct arena *arena);

#endif
