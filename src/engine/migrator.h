/*
 * migrator.h - what every part of a run works with
 */
#ifndef LUAMIG_ENGINE_MIGRATOR_H
#define LUAMIG_ENGINE_MIGRATOR_H

#include "base/arena.h"
#include "base/log.h"
#include "base/stop.h"
#include "engine/content.h"
#include "engine/event.h"
#include "pg/applied.h"
#include "pg/guard.h"
#include "pg/lease.h"
#include "pg/session.h"
#include "plan/settings.h"

/* What is going on, for progress; the watch of the work session reads it. */
struct activity {
    const struct content *content; /* NULL: nothing runs */
    size_t statement;              /* that runs now, 1-based; 0: luamig's own */
    int64_t since;                 /* monotonic ms */
    bool paused;                   /* a person has paused its backfill */
    bool taken_over;               /* another run has its backfill now */
    char blockers[1024];           /* the last ones seen; "" if none */
    bool blocked;                  /* they were there when it was looked last */
};

/* Attempts at table locks, engine/ramp. */
struct ramp {
    size_t attempt; /* 1, 2, ... */
    int64_t left;   /* ms of lock_retry */
    int64_t began;  /* monotonic ms: the attempt */
    int64_t told;   /* monotonic ms: progress was told last */
};

/* What is locked: by an advisory lock with its fence (pg/guard), or by a lease. */
struct held_lock {
    uint64_t key, fence;
    struct lease lease;
};

/* Another one beside it, with connections of its own (engine/own_lock). */
struct second_lock {
    bool held;
    bool refused; /* it could not be had */
    struct server server;
    struct held_lock lock;
};

struct hooks;

struct migrator {
    const struct settings *settings;
    const struct observer *observer;
    struct stop *stop;
    struct arena *arena;
    char run[9]; /* 8 hex digits */
    struct server server;
    struct log notices;
    struct applied_table table; /* as it was found */
    const char *environments;   /* that are selected, as the history keeps them */
    const char *label;          /* "app@db1"; "" before a connection stood */
    bool locked;
    bool dry_run;          /* what runs is rolled back */
    bool undoing;          /* a failed run goes back to its start, in time of its own */
    bool background;       /* `up --background`: no limits but the files' */
    int64_t undo_until;    /* monotonic ms: after a signal all must be over; 0: no end */
    struct hooks *hooks;   /* the project's, engine/hooks; NULL: none */
    struct held_lock lock; /* the run lock; in the background the version's own */
    struct second_lock second;
    struct activity activity;
    struct ramp ramp;
    size_t losses; /* of connection or run lock, since the migration began */
};

/* Fills *m; nothing is opened yet. command is for application_name. */
void migrator_init(struct migrator *m, const char *command,
                   const struct settings *settings, const struct observer *observer,
                   struct stop *stop, struct arena *arena);
void migrator_release(struct migrator *m);

/* Opens work for a command that writes: ERROR_CONNECT on a standby. */
bool migrator_connect(struct migrator *m, struct error *err);

/*
 * Takes the run lock by the settings lock and lock_wait; waiting is told to the observer.
 * Giving it back is fine where it was not had; a lease keeps the outcome ("done").
 */
bool migrator_lock(struct migrator *m, struct error *err);
void migrator_unlock(struct migrator *m, const char *outcome);

/* The run lock, whatever else the migrator holds. */
struct held_lock migrator_run_lock(struct migrator *m);

/* Asks, outside a migration's transaction, whether the run lock is held. ERROR_LOCK. */
bool migrator_check_lock(struct migrator *m, struct error *err);

/* Sends an event that carries the run's id and the migration at work. */
void migrator_notify(struct migrator *m, struct event event);

/* Hands the server's notices to the observer. */
void migrator_flush_notices(struct migrator *m, const struct migration *migration);

/* Quoted names of the main table (suffix "") and its side tables ("_history", "_steps"). */
const char *migrator_table(struct migrator *m, const char *suffix);

/* The guard of this run: the lock, and the row of version if there is one. */
struct guard migrator_guard(struct migrator *m, enum guard_row row, int64_t version);

/*
 * Whether a transaction with these modes (of BEGIN; NULL: none) reads a snapshot in which
 * a lease is an old one: then no guard can see it, and it is confirmed before COMMIT is
 * sent (pipeline.confirm).
 */
bool migrator_must_confirm(const struct migrator *m, const char *modes);

/*
 * While cleaning up, the causes that stopped the run no longer count; ms is what the
 * clean-up may take. migrator_heed() goes back to the run's own.
 */
void migrator_grace(struct migrator *m, struct stop *grace, int64_t ms);
void migrator_heed(struct migrator *m);

#endif
