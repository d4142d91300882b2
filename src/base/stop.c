#include "base/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t came;      /* the first signal */
static volatile sig_atomic_t blocked;   /* signals are let in by stop_poll() only */
static const char *volatile last_words; /* of an undo that a second signal ends */
static sigset_t let_in;                 /* the mask inside ppoll */

static const int watched[] = { SIGINT, SIGTERM, SIGHUP };
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

int64_t
stop_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Async-signal-safe. */
static void
die_by(int signo)
{
    sigset_t set;

    signal(signo, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signo);
    raise(signo);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + signo);
}

/* Async-signal-safe. */
static void
say_and_exit(void)
{
    ssize_t ignored = write(STDERR_FILENO, last_words, strlen(last_words));

    (void)ignored;
    _exit(9);
}

static void
on_signal(int signo)
{
    if (!blocked)
        die_by(signo);
    if (came == 0)
        came = signo;
    else if (last_words == NULL)
        _exit(128 + signo);
    else
        say_and_exit();
}

void
stop_signals_init(void)
{
    struct sigaction sa = { .sa_handler = on_signal }, old;

    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < WATCHED; i++) {
        if (watched[i] != SIGTERM && sigaction(watched[i], NULL, &old) == 0 &&
            old.sa_handler == SIG_IGN)
            continue;
        sigaction(watched[i], &sa, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
}

void
stop_signals_block(void)
{
    sigset_t set;

    if (blocked)
        return;
    sigemptyset(&set);
    for (size_t i = 0; i < WATCHED; i++)
        sigaddset(&set, watched[i]);
    sigprocmask(SIG_BLOCK, &set, &let_in);
    for (size_t i = 0; i < WATCHED; i++)
        sigdelset(&let_in, watched[i]);
    blocked = 1;
}

void
stop_signals_open(void)
{
    if (blocked)
        sigprocmask(SIG_SETMASK, &let_in, NULL);
}

void
stop_signals_shut(void)
{
    sigset_t set = let_in;

    for (size_t i = 0; i < WATCHED; i++)
        sigaddset(&set, watched[i]);
    if (blocked)
        sigprocmask(SIG_SETMASK, &set, NULL);
}

void
stop_signals_undoing(const char *words)
{
    last_words = words;
}

int
stop_signal(void)
{
    return came;
}

const char *
stop_signal_name(int signo)
{
    switch (signo) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    default: return "a signal";
    }
}

void
stop_signals_child(void)
{
    sigset_t none;

    for (size_t i = 0; i < WATCHED; i++)
        signal(watched[i], SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void
stop_signals_raise(void)
{
    die_by(came);
    _exit(128 + came);
}

void
stop_limit(struct stop *stop, enum stop_limit limit, int64_t ms)
{
    stop->clocks[limit] = (struct stop_clock){
        .limit = ms,
        .deadline = ms > 0 ? stop_now() + ms : 0,
    };
}

static int64_t
left_of(const struct stop_clock *clock)
{
    int64_t now = stop_now();

    return clock->deadline - (clock->held > now ? clock->held : now);
}

void
stop_pause(struct stop *stop, enum stop_limit limit)
{
    struct stop_clock *clock = &stop->clocks[limit];

    if (clock->deadline == 0)
        return;
    clock->left = left_of(clock);
    clock->deadline = clock->held = 0;
}

void
stop_resume(struct stop *stop, enum stop_limit limit)
{
    struct stop_clock *clock = &stop->clocks[limit];

    if (clock->limit > 0 && clock->deadline == 0)
        clock->deadline = stop_now() + clock->left;
}

void
stop_hold(struct stop *stop, enum stop_limit limit, int64_t ms)
{
    struct stop_clock *clock = &stop->clocks[limit];
    int64_t left = left_of(clock);

    if (clock->deadline == 0)
        return;
    clock->held = stop_now() + ms;
    clock->deadline = clock->held + left;
}

static enum stop_cause
passed(const struct stop *stop, int64_t now)
{
    for (int i = 0; i < LIMIT_COUNT; i++) {
        if (stop->clocks[i].deadline != 0 && now >= stop->clocks[i].deadline)
            return (enum stop_cause)(STOP_GRACE + i);
    }
    return STOP_NONE;
}

enum stop_cause
stop_cause(const struct stop *stop)
{
    struct timespec zero = { 0, 0 };

    if (stop->signals && blocked && came == 0)
        ppoll(NULL, 0, &zero, &let_in);
    return stop_known(stop);
}

enum stop_cause
stop_known(const struct stop *stop)
{
    if (stop->signals && came != 0)
        return STOP_SIGNAL;
    return passed(stop, stop_now());
}

/*
 * How long ppoll may wait: ms, or less if a limit passes before; negative: for ever. One
 * that has passed is known by now and no reason to hurry.
 */
static int64_t
longest_wait(const struct stop *stop, int64_t ms)
{
    int64_t now = stop_now();

    for (int i = 0; i < LIMIT_COUNT; i++) {
        int64_t left = stop->clocks[i].deadline - now;

        if (stop->clocks[i].deadline == 0 || (left <= 0 && ms >= 0))
            continue;
        if (ms < 0 || left < ms)
            ms = left > 0 ? left : 0;
    }
    return ms;
}

int
stop_poll(const struct stop *stop, struct pollfd *fds, size_t count, int64_t ms)
{
    struct timespec ts = { 0, 0 };
    int ready;

    ms = longest_wait(stop, ms);
    if (ms > 0) {
        ts.tv_sec = ms / 1000;
        ts.tv_nsec = ms % 1000 * 1000000;
    }
    /* A signal that came before must not be slept over. */
    if (stop->signals && came != 0 && ms < 0)
        ms = 0;
    ready = ppoll(fds, count, ms < 0 ? NULL : &ts, blocked ? &let_in : NULL);
    if (ready >= 0)
        return ready;
    for (size_t i = 0; i < count; i++)
        fds[i].revents = 0;
    return 0;
}
