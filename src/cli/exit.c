#include "cli/exit.h"

#include "base/stop.h"

int
exit_status_refused(const struct error *err)
{
    switch (err->kind) {
    case ERROR_USAGE: return EXIT_USAGE;
    case ERROR_PLAN: return EXIT_REFUSED;
    case ERROR_CONNECT: return EXIT_CONNECT;
    case ERROR_LOCK: return EXIT_LOCK;
    case ERROR_SQL:
    case ERROR_SCRIPT: return EXIT_FAILED;
    case ERROR_TIMEOUT: return EXIT_TIME_LIMIT;
    case ERROR_SIGNAL: return EXIT_SIGNALLED + stop_signal();
    case ERROR_NONE:
    case ERROR_INTERNAL: return EXIT_INTERNAL;
    }
    return EXIT_INTERNAL;
}

int
exit_status(enum outcome outcome, const struct error *err)
{
    switch (outcome) {
    case OUTCOME_DONE: return EXIT_DONE;
    case OUTCOME_REFUSED: return exit_status_refused(err);
    case OUTCOME_FAILED: return EXIT_FAILED;
    case OUTCOME_RESTORED: return EXIT_RESTORED;
    case OUTCOME_LOCK_LOST: return EXIT_LOCK;
    case OUTCOME_NOT_RESTORED: return EXIT_NOT_RESTORED;
    case OUTCOME_TIMEOUT: return EXIT_TIME_LIMIT;
    case OUTCOME_PAUSED: return EXIT_PAUSED;
    case OUTCOME_SIGNAL: return EXIT_SIGNALLED + stop_signal();
    }
    return EXIT_INTERNAL;
}
