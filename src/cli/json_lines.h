/*
 * json_lines.h - an observer that writes a line of JSON for each event of a run
 */
#ifndef LUAMIG_CLI_JSON_LINES_H
#define LUAMIG_CLI_JSON_LINES_H

#include <stdio.h>

#include "engine/event.h"

struct json_lines {
    FILE *out;
    const struct observer *next; /* told too: people read stderr; may be NULL */
};

struct observer json_observer(struct json_lines *lines);

#endif
