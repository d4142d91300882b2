#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

void
log_add(struct log *log, const char *text)
{
    if (log->count < LOG_LINES)
        log->lines[log->count++] = xstrdup(text);
    else
        log->dropped++;
}

void
log_drain(struct log *log, void (*take)(void *ctx, const char *line), void *ctx)
{
    struct log had = *log;
    char text[64];

    *log = (struct log){ 0 };
    for (size_t i = 0; i < had.count; i++)
        take(ctx, had.lines[i]);
    if (had.dropped > 0) {
        snprintf(text, sizeof(text), "%zu more notices are not shown", had.dropped);
        take(ctx, text);
    }
    log_release(&had);
}

void
log_release(struct log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free(log->lines[i]);
    *log = (struct log){ 0 };
}
