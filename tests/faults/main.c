/*
 * main.c - the suite that makes things go wrong
 *
 * faults [brief] [NAME]: runs each kind (or those whose name begins so) on the server of
 * tests/with-postgres.sh, and prints a row of the table for each; brief: a short cut, as
 * lines of TAP. Of several that share the folder LUAMIG_FAULTS_TAKEN each kind is run by
 * one. Exits with 1 if anything is lost.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/faults.h"

static const struct fault {
    const char *name;
    fault_run *run;
    size_t full, brief;
    const char *lock, *pool; /* of a crowd */
} faults[] = {
    { "kill -9 of luamig", fault_kill, 500, 12, NULL, NULL },
    { "a backend terminated: work, lock, both", fault_terminate, 100, 6, NULL, NULL },
    { "a connection cut, mostly round COMMIT", fault_cut, 100, 6, NULL, NULL },
    { "the server restarted, immediate", fault_restart, 20, 1, NULL, NULL },
    { "SIGTERM in the middle", fault_signal, 150, 8, NULL, NULL },
    { "a time limit in the middle", fault_limit, 150, 6, NULL, NULL },
    { "16 at once, advisory", fault_crowd, 20, 1, "advisory", NULL },
    { "16 at once, lease", fault_crowd, 20, 1, "lease", NULL },
    { "16 pooled, advisory, transaction", fault_crowd, 20, 1, "advisory", "transaction" },
    { "16 pooled, lease, transaction", fault_crowd, 20, 0, "lease", "transaction" },
    { "16 pooled, advisory, session", fault_crowd, 20, 0, "advisory", "session" },
    { "16 pooled, lease, session", fault_crowd, 20, 0, "lease", "session" },
    { "a slow autovacuum on the table", fault_vacuum, 2, 0, NULL, NULL },
    { "the disk full", fault_disk, 5, 1, NULL, NULL },
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))
#define ENOUGH 5 /* lost ones, of a kind */

struct folder many, few, pooled = { .for_pool = true };

void
tally_lost(struct tally *tally, const char *fmt, ...)
{
    va_list ap;

    tally->lost++;
    fprintf(stderr, "lost (%s, fault %zu): ", tally->name, tally->injected);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

bool
tally_goes_on(const struct tally *tally, size_t wanted)
{
    return tally->injected < wanted && tally->lost < ENOUGH;
}

long
chance(long n)
{
    return n > 0 ? random() % n : 0;
}

void
nap(long microseconds)
{
    struct timespec ts = { microseconds / 1000000, microseconds % 1000000 * 1000 };

    nanosleep(&ts, NULL);
}

int64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
print(const struct tally *tally, size_t at, bool brief, double seconds)
{
    size_t survived = tally->injected > tally->lost ? tally->injected - tally->lost : 0;

    if (brief)
        printf("%s %zu - faults: %s: %zu injected, %zu lost%s%s\n",
               tally->lost > 0 ? "not ok" : "ok", at + 1, tally->name, tally->injected,
               tally->lost, tally->note[0] != '\0' ? "; " : "", tally->note);
    else
        printf("%-44s %8zu %8zu %6zu %8.1f  %s\n", tally->name, tally->injected, survived,
               tally->lost, seconds, tally->note);
    fflush(stdout);
}

/* The first to make its file has it. */
static bool
is_taken(size_t at)
{
    const char *folder = getenv("LUAMIG_FAULTS_TAKEN");
    char path[600];
    int file;

    if (folder == NULL)
        return false;
    snprintf(path, sizeof(path), "%s/%zu", folder, at);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0)
        return true;
    close(file);
    return false;
}

static size_t
run(size_t at, bool brief)
{
    const struct fault *fault = &faults[at];
    struct tally tally = { .name = fault->name,
                           .lock = fault->lock,
                           .pool = fault->pool };
    int64_t began = now_ms();

    srandom((unsigned)(20260520 + at));
    fault->run(&tally, brief ? fault->brief : fault->full);
    print(&tally, at, brief, (double)(now_ms() - began) / 1000);
    return tally.lost;
}

int
main(int argc, char **argv)
{
    bool brief = argc > 1 && strcmp(argv[1], "brief") == 0;
    const char *only = argc > 1 + brief ? argv[1 + brief] : "";
    size_t lost = 0;

    folder_make(&many, "many", brief ? 40 : 200);
    folder_make(&few, "few", brief ? 16 : 40);
    folder_make(&pooled, "pooled", brief ? 16 : 40);
    for (size_t i = 0; i < FAULTS; i++) {
        if ((brief && faults[i].brief == 0) ||
            strncmp(faults[i].name, only, strlen(only)) != 0 || is_taken(i))
            continue;
        lost += run(i, brief);
    }
    return lost > 0;
}
