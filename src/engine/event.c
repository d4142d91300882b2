#include "engine/event.h"

void
observer_notify(const struct observer *observer, const struct event *event)
{
    if (observer != NULL && observer->notify != NULL)
        observer->notify(observer->ctx, event);
}

const char *
outcome_word(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_DONE: return "done";
    case OUTCOME_REFUSED: return "refused";
    case OUTCOME_LOCK_LOST:
    case OUTCOME_FAILED: return "failed";
    case OUTCOME_RESTORED: return "restored";
    case OUTCOME_NOT_RESTORED: return "not_restored";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_PAUSED: return "paused";
    case OUTCOME_SIGNAL: return "signal";
    }
    return "failed";
}
