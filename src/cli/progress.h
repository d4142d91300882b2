/*
 * progress.h - an observer for people: lines on a terminal or in a log
 */
#ifndef LUAMIG_CLI_PROGRESS_H
#define LUAMIG_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/event.h"

/* Set out and how; the rest is progress's own. */
struct progress {
    FILE *out;
    bool terminal; /* a live line, updated in place */
    bool colour;
    FILE *plan;   /* where a plan's steps go; NULL: nowhere */
    bool quiet;   /* warnings, errors and the last line only */
    bool verbose; /* the lock too */

    bool live;         /* a live line stands there */
    int64_t next_line; /* not a terminal: elapsed ms at which the next line is due */
    char failed[300];  /* the migration that failed */
    bool failed_keeps; /* what was done of it stays, */
    bool failed_anew;  /* but none of it is recorded: it begins again */
    bool explained;    /* the error was told before what failed was undone */
    char waiting[512]; /* what was said last, */
    int64_t say_again; /* and when it is due again */
};

/* An observer that prints; progress must outlive it. */
struct observer progress_observer(struct progress *progress);

#endif
