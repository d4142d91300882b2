/*
 * log.h - a bounded list of lines
 *
 * libpq's notice callback only appends here (a longjmp out of it would make libpq read the
 * same message again until memory is gone, measured); whoever runs the statement takes the
 * lines out afterwards.
 */
#ifndef LUAMIG_BASE_LOG_H
#define LUAMIG_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINES 200 /* more are counted, not kept */

struct log {
    char *lines[LOG_LINES];
    size_t count, dropped;
};

void log_add(struct log *log, const char *text);

/* Hands every line to take, oldest first, then one that counts the dropped; empties it. */
void log_drain(struct log *log, void (*take)(void *ctx, const char *line), void *ctx);
void log_release(struct log *log);

#endif
