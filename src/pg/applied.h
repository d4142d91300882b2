/*
 * applied.h - the applied set: one row per applied version, and no more
 *
 *     version bigint PRIMARY KEY, name text, applied_at timestamptz, checksum text NULL
 *
 * The table is the truth, also when it is changed by hand.
 */
#ifndef LUAMIG_PG_APPLIED_H
#define LUAMIG_PG_APPLIED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"
#include "plan/plan.h"
#include "plan/settings.h"

/* What stands in the database. */
struct applied_table {
    bool schema_exists;
    bool exists;
    bool int_version; /* version is an integer: no timestamps fit */
    bool has_history, has_steps, has_lock, has_backfills;
};

/* "schema"."name_suffix", quoted; in the arena. */
const char *applied_ident(struct arena *arena, const struct table_name *table,
                          const char *suffix);

/*
 * Looks in the catalog. ERROR_PLAN if the table has another shape, or a key that does not
 * keep rivals out: the detail lists the differences, the hint what to run. A schema that
 * may not be used is an error too, not an empty set.
 */
bool applied_look(struct session *session, const struct table_name *table,
                  struct arena *arena, struct applied_table *out, struct error *err);

/*
 * Reads the rows, ascending; applied_at is RFC 3339 in UTC. set->names_only (set before)
 * leaves it and the checksum out. Partial ones stay as they are.
 */
bool applied_read(struct session *session, const struct table_name *table,
                  struct arena *arena, struct applied_set *set, struct error *err);

/* The name recorded for a version; NULL: not recorded. */
bool applied_name(struct session *session, const char *ident, int64_t version,
                  struct arena *arena, const char **name, struct error *err);

/*
 * Creates the schema if it is missing. Here and below: that somebody else did so meanwhile
 * is fine; without the right to it is ERROR_PLAN with the commands that help.
 */
bool applied_create_schema(struct session *session, const struct table_name *table,
                           struct applied_table *state, struct arena *arena,
                           struct error *err);

/* Runs the CREATE TABLE of the table or a side table. */
bool applied_create_table(struct session *session, const struct table_name *table,
                          const char *sql, struct error *err);

/*
 * Creates what is missing of schema, table and history. */
bool applied_create(struct session *session, const struct table_name *table,
                    struct applied_table *state, struct arena *arena, struct error *err);

/* DELETE of $1 version; a down's row goes first. */
const char *applied_delete_sql(struct arena *arena, const char *ident);

/* INSERT of $1 version, $2 name, $3 checksum; plain, so that a second one fails. */
const char *applied_insert_sql(struct arena *arena, const char *ident);

/* INSERT of $1 version, $2 name, $3 applied_at (NULL: now) without a checksum. */
const char *applied_insert_at_sql(struct arena *arena, const char *ident);

#endif
