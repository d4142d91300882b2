#include "pg/polling.h"

#include <stdlib.h>

#include "pg/wait.h"

#define FIRST_PAUSE 50
#define LAST_PAUSE  1000
#define SAY_EVERY   5000

static int64_t
next_pause(int64_t pause)
{
    int64_t longer = pause * 3 / 2 < LAST_PAUSE ? pause * 3 / 2 : LAST_PAUSE;

    return longer * 3 / 4 + (int64_t)arc4random_uniform((uint32_t)(longer / 2));
}

bool
polling_acquire(const struct polling *polling, struct error *err)
{
    struct server *server = polling->server;
    int64_t pause = FIRST_PAUSE, said = 0;
    bool had = false;

    for (;;) {
        enum stop_cause cause;

        if (!polling->attempt(polling->ctx, &had, err))
            return false;
        if (had)
            return true;
        if ((cause = stop_cause(server->stop)) != STOP_NONE)
            return wait_cause_error(server->stop, cause, err);
        if (server->patience.waiting != NULL &&
            (said == 0 || stop_now() - said >= SAY_EVERY)) {
            polling->say_holder(polling->ctx);
            said = stop_now();
        }
        stop_poll(server->stop, NULL, 0, pause);
        pause = next_pause(pause);
    }
}
