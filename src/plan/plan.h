/*
 * plan.h - files and record against each other: what is where, and what to do
 *
 * Pure: up, plan, status, verify (and later down and dry-run) share plan_build(), so that
 * what a plan shows is what runs. It reports every problem at once.
 */
#ifndef LUAMIG_PLAN_PLAN_H
#define LUAMIG_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "plan/problem.h"
#include "plan/settings.h"
#include "plan/source.h"

/* A row of the applied set. */
struct applied {
    int64_t version;
    const char *name;
    const char *applied_at; /* as text, RFC 3339 with offset */
    const char *checksum;   /* NULL: not known */
    int64_t order; /* microseconds of applied_at: what was applied last goes first */
};

struct applied_set {
    struct applied *rows; /* ascending by version */
    size_t count;
    bool names_only;        /* applied_at and checksum were not asked for */
    const int64_t *partial; /* versions with rows in _steps, ascending */
    size_t partial_count;
};

/* The row of that version, or NULL. */
const struct applied *applied_set_find(const struct applied_set *set, int64_t version);

enum plan_state {
    STATE_APPLIED,
    STATE_PENDING,
    STATE_LATE,
    STATE_PARTIAL,
    STATE_RENAMED,
    STATE_DRIFT,
    STATE_ORPHAN,
    STATE_EXCLUDED /* not applied, and not to be */
};

struct plan_entry {
    int64_t version;
    enum plan_state state;
    const struct migration *migration; /* NULL: orphan */
    const struct applied *applied;     /* NULL: not applied */
};

/* What was asked for. Zeroed: everything that is pending. */
struct plan_request {
    bool has_to;
    int64_t to;
    bool has_count;
    size_t count;
    const int64_t *only;
    size_t only_count;
    bool background; /* those that run in the background instead of the others */
    bool redo;       /* the second half of one */
};

/* A repeatable, and what was run of it last. */
struct repeat {
    const struct migration *migration;
    const struct applied *applied; /* its name, when, checksum; NULL: never */
    bool changed;                  /* or never run */
};

struct plan_input {
    const struct source *source;
    const struct applied_set *set;
    const struct plan_request *request;
    const struct settings
        *settings; /* drift, orphans_error, out_of_order_error, strict */
    const bool *
        drifted; /* per set->rows[i]: the file's bytes differ from its checksum; NULL: contents were not read */
    const struct repeat *repeats;
    size_t repeat_count;
};

struct plan {
    /* Every version on disk or applied, ascending; then the repeatables. */
    struct plan_entry *entries;
    size_t entry_count;
    const struct plan_entry **steps; /* what up would apply, in order */
    size_t step_count;
    size_t pending, late; /* pending includes late; of all, not only the steps */
    size_t excluded;      /* not applied and not to be; not among pending */
    size_t background;    /* left to `up --background`; not among pending, never late */
    bool has_highest;
    int64_t highest; /* highest applied version */
};

/*
 * Problems go to problems (warnings and errors by settings); there is an error among them
 * exactly when nothing may be run. Returns false with ERROR_USAGE when the request does
 * not fit: to or only not on disk, only an excluded one, count 0.
 */
bool plan_build(const struct plan_input *in, struct arena *arena, struct plan *out,
                struct problems *problems, struct error *err);

/* Not applied, and not excluded: pending, late or half done. */
bool plan_is_pending(const struct plan_entry *entry);

/* "applied", "pending", ... as in JSON. */
const char *plan_state_word(enum plan_state state);

/* The file's, or, where there is none, the one that is recorded. */
const char *plan_entry_name(const struct plan_entry *entry);

/* Entries by state; pending includes late, but not what is left to `up --background`. */
void plan_count(const struct plan *plan, int64_t counts[STATE_EXCLUDED + 1]);

#endif
