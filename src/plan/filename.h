/*
 * filename.h - what the name of a file in the migrations folder says (DESIGN 2)
 */
#ifndef LUAMIG_PLAN_FILENAME_H
#define LUAMIG_PLAN_FILENAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "plan/source.h"

enum filename_class {
    FILENAME_IGNORED,    /* README, .go, ... */
    FILENAME_MIGRATION,  /* <version>_<name>.up.sql and its like */
    FILENAME_MISNAMED,   /* ends like a migration, but is none: an error */
    FILENAME_REPEATABLE, /* R__<name>.sql, .lua; name is "R__<name>" */
    FILENAME_BARE,       /* <version>_<name>.sql: goose's, or suspicious */
    FILENAME_SUSPICIOUS  /* looks as if it was meant: a warning */
};

struct filename {
    enum filename_class class;
    int64_t version;
    const char *version_text, *name; /* in the arena */
    enum file_kind kind;
    bool down;
    const char
        *reason; /* of MISNAMED, BARE and SUSPICIOUS: what is wrong and what to write */
};

void filename_parse(const char *text, struct arena *arena, struct filename *out);

#endif
