/* crowd.c - many runs at once on an empty database */
#include <stdio.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_crowd"
#define CROWD    16

static void
run_round(struct tally *tally, const char *lock)
{
    const char *more[3] = { "--lock", lock, NULL };
    struct child crowd[CROWD];
    size_t said = 0, lost = tally->lost;

    server_fresh(DATABASE);
    for (size_t i = 0; i < CROWD; i++)
        child_up(&crowd[i], &few, server_url(DATABASE), more);
    for (size_t i = 0; i < CROWD; i++) {
        child_wait(&crowd[i], tally);
        said += crowd[i].said;
        if (crowd[i].status != 0)
            tally_lost(tally, "exit %d: %s", crowd[i].status, crowd[i].text);
    }
    if (said != few.count)
        tally_lost(tally, "%zu of %zu were said to be applied", said, few.count);
    if (tally->lost == lost)
        judge(tally, &few, DATABASE);
}

static void
run_rounds(struct tally *tally, size_t rounds, const char *lock)
{
    for (; tally_goes_on(tally, rounds); tally->injected++)
        run_round(tally, lock);
}

void
fault_crowd_advisory(struct tally *tally, size_t wanted)
{
    run_rounds(tally, wanted, "advisory");
}

void
fault_crowd_lease(struct tally *tally, size_t wanted)
{
    run_rounds(tally, wanted, "lease");
}
