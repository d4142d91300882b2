/* request.h - --to, --count and --only as a plan_request */
#ifndef LUAMIG_CLI_REQUEST_H
#define LUAMIG_CLI_REQUEST_H

#include "cli/command.h"
#include "plan/plan.h"

/* ERROR_USAGE for what is no version or number. */
bool request_read(const struct invocation *inv, struct plan_request *out,
                  struct error *err);

#endif
