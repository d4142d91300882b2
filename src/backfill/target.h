/*
 * target.h - the table that a backfill walks: its key, and the columns that it reads and
 * writes, as the catalog has them
 */
#ifndef LUAMIG_BACKFILL_TARGET_H
#define LUAMIG_BACKFILL_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "pg/session.h"

struct target_column {
    const char *name;  /* as in the catalog */
    const char *ident; /* quoted */
    const char
        *type; /* as SQL writes it, without a length: a cast would cut (measured) */
    bool array, boolean, bytea;
    bool integer; /* of 2, 4 or 8 bytes */
    bool json;    /* or a type that jsonb cannot bring back as a key */
};

/* What the script asks for. */
struct target_request {
    const char *table; /* as SQL writes it: users, app."Users", ONLY parent */
    const char *const *key;
    const char *const *read;
    const char *const *set;
    size_t key_count; /* 0: the primary key */
    size_t read_count, set_count;
};

struct target {
    const char *shown; /* "users", as messages have it */
    const char *from;  /* `ONLY "app"."users" AS "users"`: for FROM and UPDATE */
    const char *alias; /* `"users"` */
    struct target_column *keys;
    size_t key_count;
    struct target_column *reads; /* none of the key's */
    size_t read_count;
    struct target_column *sets;
    size_t set_count;
    int64_t estimate; /* rows, as the statistics have it; -1: not known */
};

/*
 * Looks it up; all in the arena. ERROR_SCRIPT, with what to write, where there is no table,
 * column or usable key, or a column that nobody may set: a usable key is a unique index
 * that is valid, immediate, not partial, without expressions, of NOT NULL columns in their
 * own order.
 */
bool target_find(struct session *session, const struct target_request *request,
                 struct arena *arena, struct target *out, struct error *err);

#endif
