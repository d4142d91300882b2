/*
 * indexes.h - invalid indexes: what a failed CREATE INDEX CONCURRENTLY leaves behind
 *
 * IF NOT EXISTS then accepts it (measured). relkind I (partitioned parents) is invalid by
 * design and left out.
 */
#ifndef LUAMIG_PG_INDEXES_H
#define LUAMIG_PG_INDEXES_H

#include <stdbool.h>

#include "base/arena.h"
#include "pg/session.h"

struct index {
    const char *oid;
    const char *ident; /* quoted, qualified: for DROP INDEX */
    const char *schema, *table, *name;
    bool building; /* somebody builds it right now */
};

struct indexes {
    struct index *list;
    size_t count;
};

/*
 * The invalid indexes of a table, or of an index's table, named as in a statement and
 * resolved by the session's search_path; both NULL: of the whole database.
 */
bool indexes_invalid(struct session *session, const char *relation, const char *index,
                     struct arena *arena, struct indexes *out, struct error *err);

/* The one in now that was not in before and that nobody builds; NULL if there is none. */
const struct index *indexes_leftover(const struct indexes *before,
                                     const struct indexes *now);

/* DROP INDEX CONCURRENTLY; gone already is fine. */
bool indexes_drop(struct session *session, const struct index *index, struct error *err);

#endif
