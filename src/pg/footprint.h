/*
 * footprint.h - what an open transaction of work holds and has written
 *
 * Locks and rewrites of tables that others can see: what the transaction made itself is in
 * nobody's way.
 */
#ifndef LUAMIG_PG_FOOTPRINT_H
#define LUAMIG_PG_FOOTPRINT_H

#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"

struct footprint_table {
    const char *oid;
    const char *name;    /* quoted, qualified; as it was before the transaction */
    const char *mode;    /* the strongest: "AccessExclusiveLock" */
    int strength;        /* 1 to 8, by the manual's table 13.2 */
    int64_t bytes;       /* of its heap and toast */
    const char *storage; /* its relfilenode: another one is a rewrite */
    const char *was;     /* the storage before the transaction */
};

struct footprint {
    struct footprint_table *tables;
    size_t count;
    int64_t rows; /* inserted, updated and deleted so far */
};

/*
 * Asks on work, inside its transaction, and control: names of what was dropped are known
 * there only. Without control no table is listed.
 */
bool footprint_take(struct server *server, struct arena *arena, struct footprint *out,
                    struct error *err);

/*
 * The rows alone. The server may still count an earlier transaction's in it, so it is good
 * for differences only.
 */
bool footprint_rows(struct session *work, int64_t *rows, struct error *err);

#endif
