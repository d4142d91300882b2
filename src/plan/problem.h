/* problem.h - what is wrong with files, record or request; all of it, not the first only */
#ifndef LUAMIG_PLAN_PROBLEM_H
#define LUAMIG_PLAN_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum problem_kind {
    PROBLEM_MISNAMED,
    PROBLEM_DUPLICATE,
    PROBLEM_MISPLACED,   /* a migration beside the layers */
    PROBLEM_ENVIRONMENT, /* a selected folder that is missing */
    PROBLEM_DOWN_WITHOUT_UP,
    PROBLEM_FILE, /* a file that cannot be read, split or compiled */
    PROBLEM_RENAMED,
    PROBLEM_DRIFT,
    PROBLEM_ORPHAN,
    PROBLEM_LATE,
    PROBLEM_WRONG_FOLDER,
    PROBLEM_IRREVERSIBLE,
    PROBLEM_PARTIAL,
    PROBLEM_PENDING,
    PROBLEM_EXCLUDED,
    PROBLEM_BACKGROUND, /* left to `up --background` */
    PROBLEM_INVALID_INDEX,
    PROBLEM_TABLE,  /* the tracker's own table */
    PROBLEM_TRACKER /* another tool's tracker */
};

enum problem_level {
    PROBLEM_NOTE,
    PROBLEM_WARNING,
    PROBLEM_ERROR
};

struct problem {
    enum problem_kind kind;
    enum problem_level level;
    bool has_version;
    int64_t version;
    const char *name;    /* the migration's, or NULL */
    const char *file;    /* or NULL */
    size_t line, column; /* in file; 0: none */
    const char *text;    /* the source line, or NULL */
    const char *message; /* lower case, no full stop */
    const char *hint;    /* or NULL */
};

/* Valid when zeroed. The list and its texts are in the arena that was passed. */
struct problems {
    struct problem *list;
    size_t count, capacity;
};

void problems_add(struct problems *problems, struct arena *arena,
                  const struct problem *problem);
size_t problems_count(const struct problems *problems, enum problem_level level);

/* "misnamed", "duplicate", ... as in JSON. */
const char *problem_kind_word(enum problem_kind kind);

/*
 * Sums up the errors among problems: kind ERROR_PLAN; one problem becomes the error itself
 * (message, hint, file, line), several "N problems", to be printed behind them. Always
 * false; call it only when problems_count(PROBLEM_ERROR) > 0.
 */
bool problems_error(const struct problems *problems, struct error *err);

#endif
