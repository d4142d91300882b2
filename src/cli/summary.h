/*
 * summary.h - the end of a run, for people: the error, what stays and what to do, and the
 * last line
 */
#ifndef LUAMIG_CLI_SUMMARY_H
#define LUAMIG_CLI_SUMMARY_H

#include "cli/progress.h"

/* event: EVENT_RUN_FINISHED. No live line stands there any more. */
void summary_print(struct progress *progress, const struct event *event);

#endif
