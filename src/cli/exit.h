/* exit.h - how a run ended, as an exit status (DESIGN 10) */
#ifndef LUAMIG_CLI_EXIT_H
#define LUAMIG_CLI_EXIT_H

#include "base/error.h"
#include "engine/event.h"

enum {
    EXIT_DONE = 0,
    EXIT_INTERNAL = 1,
    EXIT_USAGE = 2,
    EXIT_PENDING = 3,
    EXIT_REFUSED = 4,
    EXIT_CONNECT = 5,
    EXIT_LOCK = 6,
    EXIT_FAILED = 7,
    EXIT_RESTORED = 8,
    EXIT_NOT_RESTORED = 9,
    EXIT_TIME_LIMIT = 10,
    EXIT_PAUSED = 11,
    EXIT_SIGNALLED = 128
};

/* err may be NULL where the outcome is OUTCOME_DONE. */
int exit_status(enum outcome outcome, const struct error *err);

/* The status of an error that ended a command before anything was tried. */
int exit_status_refused(const struct error *err);

#endif
