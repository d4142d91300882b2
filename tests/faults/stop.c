/* stop.c - signals and time limits in the middle: what is said is what is done */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_stop"
#define AT_ONCE  3000 /* ms; a second, and what a busy machine adds */

static const char *const none[3];

static int64_t worst;

static size_t
count_applied(void)
{
    if (server_ask(DATABASE, "SELECT to_regclass('luamig.applied_migrations')")[0] ==
        '\0')
        return 0;
    return strtoul(
        server_ask(
            DATABASE,
            "SELECT CASE WHEN count(*) = coalesce(max(version), 0) THEN count(*) ELSE -1"
            " END FROM luamig.applied_migrations"),
        NULL, 10);
}

/* What it said of the last one must be so, too. */
static bool
says_otherwise(const struct child *child, size_t applied)
{
    char fate[64];

    snprintf(fate, sizeof(fate), "%zu was rolled back", applied);
    return strstr(child->text, fate) != NULL;
}

static bool
check(struct tally *tally, const struct child *child, size_t before, int expected)
{
    size_t after = count_applied();

    if (child->status != expected && child->status != 0) {
        tally_lost(tally, "exit %d: %s", child->status, child->text);
        return false;
    }
    if (after != before + child->said || says_otherwise(child, after)) {
        tally_lost(tally, "%zu applied before, %zu now, but: %s", before, after,
                   child->text);
        return false;
    }
    return true;
}

/* One run that is stopped; true: it was, and what it said is so. */
typedef bool stop(struct tally *tally, size_t before);

static void
stop_again_and_again(struct tally *tally, size_t wanted, stop *once)
{
    worst = 0;
    while (tally_goes_on(tally, wanted)) {
        size_t lost = tally->lost;

        server_fresh(DATABASE);
        while (tally->injected < wanted && tally->lost == lost &&
               count_applied() < many.count)
            once(tally, count_applied());
        if (tally->lost == lost)
            child_finish(&many, DATABASE, tally);
    }
    snprintf(tally->note, sizeof(tally->note), "slowest %.2f s", (double)worst / 1000);
}

static bool
stop_by_signal(struct tally *tally, size_t before)
{
    struct child child;
    long said = chance(12);
    int64_t began, took;

    child_up(&child, &many, server_url(DATABASE), none);
    if (child_until(&child, (size_t)said))
        nap(chance(said == 0 ? 60000 : 3 * (long)many.pace));
    if (child.ended)
        return check(tally, &child, before, 0);
    began = now_ms();
    kill(child.pid, SIGTERM);
    child_wait(&child, tally);
    took = now_ms() - began;
    worst = took > worst ? took : worst;
    tally->injected += child.status != 0;
    if (took > AT_ONCE)
        tally_lost(tally, "it took %ld ms: %s", (long)took, child.text);
    return check(tally, &child, before, 128 + SIGTERM);
}

static bool
stop_by_limit(struct tally *tally, size_t before)
{
    static const char *const limits[] = { "--timeout", "--migration-timeout" };
    struct child child;
    char ms[32];
    bool whole = chance(2) == 0;
    const char *more[3] = { limits[!whole], ms, NULL };

    snprintf(ms, sizeof(ms), "%ldms",
             1 + chance((whole ? 12 : 2) * (long)many.pace / 1000));
    child_up(&child, &many, server_url(DATABASE), more);
    child_wait(&child, tally);
    tally->injected += child.status != 0;
    return check(tally, &child, before, 10);
}

void
fault_signal(struct tally *tally, size_t wanted)
{
    stop_again_and_again(tally, wanted, stop_by_signal);
}

void
fault_limit(struct tally *tally, size_t wanted)
{
    stop_again_and_again(tally, wanted, stop_by_limit);
    tally->note[0] = '\0';
}
