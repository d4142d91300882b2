/* show.h - what the reading commands have in common */
#ifndef LUAMIG_CLI_SHOW_H
#define LUAMIG_CLI_SHOW_H

#include "cli/command.h"
#include "engine/look.h"

/* look_take() with this invocation's settings; waiting is said on stderr. */
bool show_take(struct invocation *inv, const struct look_request *request,
               struct look *look, struct error *err);

/* Prints the look's problems on stderr. */
void show_problems(const struct invocation *inv, const struct look *look);

/* "standby, replayed until ..." on stdout, where it is one. */
void show_standby(const struct look *look);

#endif
