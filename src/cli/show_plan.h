/* show_plan.h - `plan` and `up --plan` */
#ifndef LUAMIG_CLI_SHOW_PLAN_H
#define LUAMIG_CLI_SHOW_PLAN_H

#include "cli/command.h"
#include "plan/plan.h"

/* Prints what `up` would do; the exit status, 4 where `up` would refuse. */
int show_plan(struct invocation *inv, const struct plan_request *request);

#endif
