/*
 * look.h - files and database as they are, for commands that change nothing
 *
 * status, plan, verify, `up --plan`: one REPEATABLE READ READ ONLY transaction; creates
 * nothing, takes no lock, works on a standby.
 */
#ifndef LUAMIG_ENGINE_LOOK_H
#define LUAMIG_ENGINE_LOOK_H

#include "base/arena.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/event.h"
#include "pg/history.h"
#include "plan/plan.h"

enum look_depth {
    LOOK_NAMES,   /* file names and record only */
    LOOK_CONTENTS /* the files too: drift, modes, grammar as far as luamig knows it */
};

/* How a step would run, and how many statements it has. */
struct look_step {
    const struct plan_entry *entry;
    const char *mode; /* "transaction", "statements", "script" */
    size_t statements;
    const char *notice; /* why statements mode; NULL */
};

struct look {
    const char *host, *port, *database; /* of the server */
    const char *table;                  /* "schema.name" */
    const char *standby_until; /* a standby: replayed until; NULL: not a standby */
    const char
        *taken_over; /* "public.schema_migrations at version 104": `up` would record
                               those versions; they count as applied here; NULL */
    struct source source;
    struct applied_set set;
    struct plan plan;
    struct problems problems;
    struct look_step *steps; /* plan.step_count of them; with LOOK_CONTENTS */
};

/*
 * Problems are in look->problems; false only when there is nothing to show: folder,
 * connection, request.
 */
struct look_request {
    enum look_depth depth;
    bool verify; /* pending, orphans, drift, half done and invalid indexes are problems */
    struct plan_request plan;
    const char *command; /* for application_name */
};

bool look_take(const struct settings *settings, const struct look_request *request,
               const struct observer *observer, struct stop *stop, struct arena *arena,
               struct look *out, struct error *err);

/* The newest limit attempts (0: all), newest first. */
bool look_history(const struct settings *settings, size_t limit, struct stop *stop,
                  struct arena *arena, struct attempt **attempts, size_t *count,
                  struct error *err);

#endif
