#include "cli/commands.h"

const struct command *const commands[] = {
    &cmd_up,       &cmd_down, &cmd_redo,   &cmd_exec,     &cmd_dry_run,
    &cmd_status,   &cmd_plan, &cmd_verify, &cmd_validate, &cmd_history,
    &cmd_baseline, &cmd_mark, &cmd_repair, &cmd_lock,     &cmd_backfill,
    &cmd_create,   &cmd_init, &cmd_fix,    &cmd_help,     NULL,
};
