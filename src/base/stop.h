/*
 * stop.h - "must we stop?": a signal that arrived, or a time limit that passed
 *
 * The process's signals are global and belong to main.c; everything below takes a
 * `struct stop *`, so that a host of the Lua module keeps its own.
 */
#ifndef LUAMIG_BASE_STOP_H
#define LUAMIG_BASE_STOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The limits of DESIGN 8, in the order in which they are reported. */
enum stop_limit {
    LIMIT_GRACE,     /* what is left for cleaning up */
    LIMIT_LOCK_WAIT, /* lock_wait */
    LIMIT_MIGRATION, /* migration_timeout, or the file's timeout= */
    LIMIT_RUN,       /* timeout */
    LIMIT_COUNT
};

enum stop_cause {
    STOP_NONE = 0,
    STOP_SIGNAL,
    STOP_GRACE,
    STOP_LOCK_WAIT,
    STOP_MIGRATION,
    STOP_RUN,
};

struct stop_clock {
    int64_t left;     /* ms that remain while it does not run */
    int64_t deadline; /* monotonic ms while it runs, else 0 */
    int64_t limit;    /* ms it was set to; 0: no limit */
    int64_t held;     /* monotonic ms: until then it stands still although it runs */
};

/* Valid when zeroed: never stops. */
struct stop {
    bool signals; /* heeds the process's signals */
    struct stop_clock clocks[LIMIT_COUNT];
};

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t stop_now(void);

/* Starts a limit of ms milliseconds from now; 0 takes it away. */
void stop_limit(struct stop *stop, enum stop_limit limit, int64_t ms);

/* A paused limit keeps what is left of it; without a limit both do nothing. */
void stop_pause(struct stop *stop, enum stop_limit limit);
void stop_resume(struct stop *stop, enum stop_limit limit);

/*
 * The clock stands still for ms from now, then runs on with what was left of it: for what
 * may go on as long as it makes progress.
 */
void stop_hold(struct stop *stop, enum stop_limit limit, int64_t ms);

/* Why to stop, or STOP_NONE. Never blocks; lets a pending signal in. */
enum stop_cause stop_cause(const struct stop *stop);

/* The same of what is known: a pending signal is let in by the next stop_poll(). */
enum stop_cause stop_known(const struct stop *stop);

/*
 * Waits until one of the descriptors is ready, ms have passed (negative: for ever), or
 * there is a cause to stop. The only sleep of luamig (with count 0). Returns the number
 * of ready descriptors; revents are cleared where none is.
 */
int stop_poll(const struct stop *stop, struct pollfd *fds, size_t count, int64_t ms);

/*
 * Installs the handlers of SIGINT, SIGTERM and SIGHUP, ignores SIGPIPE. SIGINT and
 * SIGHUP stay ignored if they were (nohup). Until stop_signals_block() a signal ends the
 * process at once, by its default action or, where that is ignored (PID 1), _exit.
 */
void stop_signals_init(void);

/* From here on signals are heeded in stop_poll() and stop_cause() only. */
void stop_signals_block(void);

/*
 * While a script computes, nobody polls: between open and shut signals are let in at any
 * moment. The first is noted as ever, a second ends the process even in the middle of a
 * pattern match, where no hook of Lua runs. Without stop_signals_block() they do nothing.
 */
void stop_signals_open(void);
void stop_signals_shut(void);

/*
 * A second signal exits with 128 + n, while an undo is unfinished with 9, saying these
 * words (static; NULL: none is) on stderr.
 */
void stop_signals_undoing(const char *last_words);

/* The signal that came, or 0; its name, "SIGTERM". */
int stop_signal(void);
const char *stop_signal_name(int signo);

/* For a child process: default handlers, nothing blocked. */
void stop_signals_child(void);

/* Ends the process by the signal that came; _exit(128 + n) if it survives that. */
void stop_signals_raise(void) __attribute__((noreturn));

#endif
