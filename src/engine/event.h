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
    EVENT_MIGRATION_RETRIED, /* attempt, error, text: for whom; elapsed: pause before the next */
    EVENT_MIGRATION_APPLIED, /* migration, elapsed; text: a remark ("empty"), or NULL */
    EVENT_MIGRATION_UNDONE,  /* the same, of a down */
    EVENT_MIGRATION_FAILED,  /* migration, elapsed, error; text: "paused", or NULL */
    EVENT_MIGRATION_TRIED,   /* of a dry run: migration, mode, elapsed, trial */
    EVENT_PROGRESS,          /* migration, statement of statements, elapsed, text */
    EVENT_UNDO_STARTED,      /* error: why; steps: how many are to be undone */
    EVENT_NOTICE,            /* text; migration: whose, or NULL; level */
    EVENT_PROBLEM,           /* problem */
    EVENT_RUN_FINISHED       /* summary; error, or NULL */
};

/* How a run ended; with an error's kind it makes the exit status (cli/exit). */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_REFUSED,   /* nothing was tried */
    OUTCOME_FAILED,    /* a migration failed and was rolled back; earlier ones stay */
    OUTCOME_RESTORED,  /* it failed, and nothing of the run stays */
    OUTCOME_LOCK_LOST, /* rolled back too: the lock was lost to another run, or not had */
    OUTCOME_NOT_RESTORED, /* something is half done, or a question is left */
    OUTCOME_TIMEOUT,
    OUTCOME_PAUSED, /* a backfill was paused by a person */
    OUTCOME_SIGNAL
};

/* A lock that a dry run saw a migration take first. */
struct trial_lock {
    const char *relation, *mode; /* "public.users", "AccessExclusiveLock" */
    int64_t bytes;               /* of the table */
    bool rewritten;              /* its storage is another one now */
};

struct trial {
    bool executed; /* false: it cannot run in a transaction */
    int64_t rows;  /* inserted, updated, deleted */
    struct trial_lock *locks;
    size_t lock_count;
};

enum run_kind {
    RUN_UP,
    RUN_DOWN,
    RUN_EXEC, /* scripts outside of the history */
    RUN_TRY   /* a dry run */
};

struct run_summary {
    enum outcome outcome;
    enum run_kind kind;
    int64_t version; /* down: the one undone last */
    size_t applied, undone;
    size_t tried;       /* of a dry run */
    const char *fate;   /* after an undo: what is as it was and what is not; or NULL */
    size_t pending;     /* what is left */
    size_t background;  /* left to `up --background`; not among pending */
    bool in_background; /* it was `up --background` */
    int64_t elapsed;
    const char *target; /* "app@db1"; "" before a connection stood */
    bool nothing_to_do;
    bool nothing_applied; /* down: the set is empty */
    int signal;
};

struct backfill_progress;

struct event {
    enum event_kind kind;
    const char *run; /* 8 hex digits */
    const struct migration *migration;
    bool down;        /* its down runs, or would */
    const char *mode; /* "transaction", "statements", "script" */
    size_t step, steps;
    size_t statement, statements;
    int64_t elapsed; /* ms */
    const char *text;
    size_t attempt;
    bool keeps;  /* what is done of the migration stays when it fails */
    bool detail; /* a notice for those who want to know more */
    enum problem_level level;
    const struct problem *problem;
    const struct error *error;
    const struct trial *trial;
    const struct backfill_progress *backfill; /* of EVENT_PROGRESS; NULL: it is none */
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
