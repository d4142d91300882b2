/* kill.c - kill -9 of luamig, again and again through one run of the folder */
#include <signal.h>
#include <stdio.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_kill"

static const char *const none[3];

/* Through the start as well as behind any migration, and inside of one. */
static void
wait_for_the_moment(struct child *child)
{
    long said = chance(10);

    if (child_until(child, (size_t)said))
        nap(chance(said == 0 ? 100000 : 3 * (long)many.pace));
}

/* false: the folder is through, or something is lost. */
static bool
kill_once(struct tally *tally)
{
    struct child child;

    child_up(&child, &many, server_url(DATABASE), none);
    wait_for_the_moment(&child);
    if (!child.ended)
        kill(child.pid, SIGKILL);
    child_wait(&child, tally);
    if (child.status == 128 + SIGKILL) {
        tally->injected++;
        return true;
    }
    if (child.status != 0)
        tally_lost(tally, "up behind a kill: exit %d: %s", child.status, child.text);
    return false;
}

void
fault_kill(struct tally *tally, size_t wanted)
{
    while (tally_goes_on(tally, wanted)) {
        size_t lost = tally->lost;

        server_fresh(DATABASE);
        while (tally->injected < wanted && kill_once(tally))
            ;
        if (tally->lost == lost)
            child_finish(&many, DATABASE, tally);
    }
}
