/* runner.h - a run with its observers: people read stderr, programs stdout */
#ifndef LUAMIG_CLI_RUNNER_H
#define LUAMIG_CLI_RUNNER_H

#include "cli/command.h"
#include "cli/json_lines.h"
#include "cli/progress.h"

struct runner {
    struct progress progress;
    struct observer people, machine;
    struct json_lines lines;
    const struct observer *observer; /* what the run is to be given */
};

/* Fills *runner, which must stay where it is as long as the run. */
void runner_init(struct runner *runner, const struct invocation *inv);

#endif
