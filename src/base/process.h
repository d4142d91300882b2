/*
 * process.h - another program, run to its end
 *
 * It has a process group of its own, default signals and no descriptor of ours. When its
 * time is up, or luamig is told to stop, the group gets SIGTERM, half a second later
 * SIGKILL; if luamig itself is killed, so is the program.
 */
#ifndef LUAMIG_BASE_PROCESS_H
#define LUAMIG_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stop.h"

struct process {
    const char *const *argv; /* ended by NULL; the first is looked for in PATH */
    const char *input;       /* what it reads from stdin; NULL: nothing */
    size_t input_size;
    int64_t timeout;         /* ms; 0: none of its own */
    const struct stop *stop; /* heeded meanwhile */

    /* Take what comes, in pieces of any size; without errors, stderr goes to output. */
    void (*output)(void *ctx, const char *bytes, size_t size);
    void (*errors)(void *ctx, const char *bytes, size_t size);
    void (*tick)(void *ctx); /* called now and then meanwhile; NULL: nobody asks */
    void *ctx;

    int status; /* set: its exit status, or the number of the signal that ended it */
    bool signalled;
};

enum process_end {
    PROCESS_EXITED,    /* by itself */
    PROCESS_TIMED_OUT, /* ended, its timeout was over */
    PROCESS_STOPPED,   /* ended, stop has a cause */
    PROCESS_REFUSED    /* it could not be started; *err says why, ERROR_SCRIPT */
};

enum process_end process_run(struct process *process, struct error *err);

#endif
