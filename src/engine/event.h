/*
 * event.h - what a run tells its observer
 *
 * The engine prints nothing. cli/progress turns events into lines on a terminal or in a
 * log, cli/json into a line of JSON each. Everything an event points to lives until
 * notify() returns.
 */
#ifndef LUAMIG_ENGINE_EVENT_H
#define LUAMIG_ENGINE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "plan/problem.h"
#include "plan/source.h"

enum event_kind {
    EVENT_RUN_STARTED,   /* there is something to do: steps, as seen before the lock */
    EVENT_WAITING,       /* text: for whom or what; elapsed: since when */
    EVENT_LOCK_ACQUIRED, /* elapsed: how long it took */
    EVENT_STEP_PLANNED,  /* a plan only: migration, mode, text: the script */
    EVENT_MIGRATION_STARTED, /* migration, mode, step of steps */
    EVENT_MIGRATION_APPLIED, /* migration, elapsed; text: a remark ("empty"), or NULL */
    EVENT_MIGRATION_UNDONE,  /* the same, of a down */
    EVENT_MIGRATION_FAILED,  /* migration, elapsed, error */
    EVENT_PROGRESS,          /* migration, statement of statements, elapsed, text */
    EVENT_NOTICE,            /* text; migration: whose, or NULL; level */
    EVENT_PROBLEM,           /* problem */
    EVENT_RUN_FINISHED       /* summary; error, or NULL */
};

/* How a run ended; with an error's kind it makes the exit status (cli/exit). */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_REFUSED,      /* nothing was tried */
    OUTCOME_FAILED,       /* a migration failed and was rolled back; earlier ones stay */
    OUTCOME_LEASE_LOST,   /* rolled back too, because the lease was lost */
    OUTCOME_NOT_RESTORED, /* something is half done, or a question is left */
    OUTCOME_TIMEOUT,
    OUTCOME_SIGNAL
};

struct run_summary {
    enum outcome outcome;
    bool down;       /* it was to undo */
    int64_t version; /* down: the one undone last */
    size_t applied, undone;
    size_t pending; /* what is left */
    int64_t elapsed;
    const char *target; /* "app@db1"; "" before a connection stood */
    bool nothing_to_do;
    int signal;
};

struct event {
    enum event_kind kind;
    const char *run; /* 8 hex digits */
    const struct migration *migration;
    const char *mode; /* "transaction", "statements", "script" */
    size_t step, steps;
    size_t statement, statements;
    int64_t elapsed; /* ms */
    const char *text;
    enum problem_level level;
    const struct problem *problem;
    const struct error *error;
    const struct run_summary *summary;
};

struct observer {
    void (*notify)(void *ctx, const struct event *event);
    void *ctx;
};

/* Does nothing for an observer without notify. */
void observer_notify(const struct observer *observer, const struct event *event);

/* "done", "refused", ... as in JSON. */
const char *outcome_word(enum outcome outcome);

#endif
