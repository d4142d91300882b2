/* crowd.c - many runs at once on an empty database, directly and through a pooler */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_crowd"
#define CROWD    16

/* Of one pool; a run has up to three connections, which session mode must lend for its life. */
#define TRANSACTIONS "8"
#define SESSIONS     "60"

static void
check(struct tally *tally, const struct child *child)
{
    if (child->status != 0)
        tally_lost(tally, "exit %d: %s", child->status, child->text);
    else if (tally->pool != NULL && strstr(child->text, "through a pooler") == NULL)
        tally_lost(tally, "the pooler was not noticed: %s", child->text);
}

static void
run_round(struct tally *tally)
{
    const char *more[3] = { "--lock", tally->lock, NULL };
    bool direct = tally->pool == NULL;
    const struct folder *folder = direct ? &few : &pooled;
    struct child crowd[CROWD];
    size_t said = 0, lost = tally->lost;

    server_fresh(DATABASE);
    for (size_t i = 0; i < CROWD; i++)
        child_up(&crowd[i], folder, direct ? server_url(DATABASE) : pooler_url(DATABASE),
                 more);
    for (size_t i = 0; i < CROWD; i++) {
        child_wait(&crowd[i], tally);
        said += crowd[i].said;
        check(tally, &crowd[i]);
    }
    if (said != folder->count)
        tally_lost(tally, "%zu of %zu were said to be applied", said, folder->count);
    if (tally->lost == lost)
        judge(tally, folder, DATABASE);
}

void
fault_crowd(struct tally *tally, size_t wanted)
{
    const char *mode = tally->pool;
    bool session = mode != NULL && strcmp(mode, "session") == 0;
    pid_t pooler = 0;

    if (mode != NULL)
        pooler = pooler_start(mode, session ? SESSIONS : TRANSACTIONS);
    for (; tally_goes_on(tally, wanted); tally->injected++)
        run_round(tally);
    if (pooler > 0)
        kill(pooler, SIGKILL);
}
