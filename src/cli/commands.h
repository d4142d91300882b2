/* commands.h - every command of the program; each stands in its cmd_*.c */
#ifndef LUAMIG_CLI_COMMANDS_H
#define LUAMIG_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command cmd_up, cmd_down, cmd_redo, cmd_exec, cmd_dry_run, cmd_status,
    cmd_plan, cmd_verify, cmd_validate;
extern const struct command cmd_history, cmd_baseline, cmd_mark, cmd_repair, cmd_lock,
    cmd_backfill;
extern const struct command cmd_create, cmd_init, cmd_fix, cmd_help;

#endif
