#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

#define TICK      100  /* ms between two looks where nothing tells of its end */
#define BRIEF     20   /* ms, while it is being ended */
#define PATIENCE  500  /* ms from SIGTERM to SIGKILL */
#define LAST_WAIT 2000 /* ms for a killed process to go */
#define PIECE     65536
#define LEFTOVER  16 /* pieces that a pipe may hold when its writer is gone */

enum {
    OUTPUT,
    ERRORS,
    STREAMS
};

struct child {
    struct process *process;
    pid_t pid;            /* its group's, too */
    int handle;           /* readable when it has ended; -1: the system has none */
    int streams[STREAMS]; /* -1: closed at the other end, or there is none */
    bool ended;
};

static bool
refuse(const struct process *process, int code, struct error *err)
{
    return error_set(err, ERROR_SCRIPT, "cannot run '%s': %s", process->argv[0],
                     strerror(code));
}

/* A file in memory, not a pipe: nobody has to feed it, nobody gets SIGPIPE. -1: none. */
static int
open_input(const struct process *process)
{
    int fd;

    if (process->input == NULL)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd >= 0 && fs_write(fd, process->input, process->input_size) &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* What the child has of us until it is another program. */
struct ends {
    int input;
    int streams[STREAMS];
    int report; /* takes errno where that fails */
    pid_t parent;
};

/* In the child, with nothing but what is async-signal-safe: luamig may have a thread. */
__attribute__((noreturn)) static void
become(const struct process *process, const struct ends *ends)
{
    int code;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != ends->parent)
        _exit(127);
    stop_signals_child();
    dup2(ends->input, STDIN_FILENO);
    dup2(ends->streams[OUTPUT], STDOUT_FILENO);
    dup2(ends->streams[process->errors != NULL ? ERRORS : OUTPUT], STDERR_FILENO);
    execvp(process->argv[0], (char *const *)(uintptr_t)process->argv);
    code = errno;
    fs_write(ends->report, (const char *)&code, sizeof(code));
    _exit(127);
}

/* What the child reported; 0: it is another program by now. */
static int
read_report(int fd)
{
    int code = 0;
    ssize_t got;

    do
        got = read(fd, &code, sizeof(code));
    while (got < 0 && errno == EINTR);
    return got == sizeof(code) ? code : 0;
}

static void
close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* 0, or errno. */
static int
start(struct child *child, struct ends *ends, int report)
{
    int code;

    child->pid = fork();
    if (child->pid == 0)
        become(child->process, ends);
    code = child->pid < 0 ? errno : 0;
    close_all(&ends->report, 1);
    if (child->pid > 0) {
        setpgid(child->pid, child->pid); /* both do: whoever comes first */
        code = read_report(report);
    }
    if (child->pid > 0 && code != 0)
        waitpid(child->pid, NULL, 0);
    return code;
}

static int
open_pipe(int *read_end, int *write_end)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    *read_end = fds[0];
    *write_end = fds[1];
    return 0;
}

/* Opens the pipes round start(). */
static int
spawn(struct child *child, int input)
{
    struct ends ends = {
        .input = input, .streams = { -1, -1 }, .report = -1, .parent = getpid()
    };
    int report = -1, code = open_pipe(&report, &ends.report);

    for (int i = OUTPUT; code == 0 && i < STREAMS; i++) {
        code = open_pipe(&child->streams[i], &ends.streams[i]);
        if (code == 0)
            fcntl(child->streams[i], F_SETFL, O_NONBLOCK);
    }
    if (code == 0)
        code = start(child, &ends, report);
    close_all(ends.streams, STREAMS);
    close_all(&ends.report, 1);
    close_all(&report, 1);
    if (code == 0)
        child->handle = (int)syscall(SYS_pidfd_open, (long)child->pid, 0L);
    return code;
}

/* One piece at a time, so that a flood leaves time to look at the clock. */
static bool
read_piece(struct child *child, int stream)
{
    const struct process *process = child->process;
    void (*take)(void *, const char *, size_t) =
        stream == ERRORS ? process->errors : process->output;
    char piece[PIECE];
    ssize_t got = read(child->streams[stream], piece, sizeof(piece));

    if (got > 0 && take != NULL)
        take(process->ctx, piece, (size_t)got);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        close_all(&child->streams[stream], 1);
    return got > 0;
}

static void
look_for_end(struct child *child)
{
    int status = 0;
    pid_t got;

    if (child->ended)
        return;
    got = waitpid(child->pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return;
    child->ended = true;
    child->process->signalled = got > 0 && WIFSIGNALED(status);
    child->process->status =
        child->process->signalled ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits for output or the end, for at most ms. */
static void
attend(struct child *child, const struct stop *stop, int64_t ms)
{
    struct pollfd fds[STREAMS + 1] = {
        { .fd = child->streams[OUTPUT], .events = POLLIN },
        { .fd = child->streams[ERRORS], .events = POLLIN },
        { .fd = child->ended ? -1 : child->handle, .events = POLLIN },
    };

    stop_poll(stop, fds, STREAMS + 1, ms);
    for (int i = OUTPUT; i < STREAMS; i++) {
        if (fds[i].revents != 0)
            read_piece(child, i);
    }
    look_for_end(child);
}

/* Somebody it left behind may hold the pipe, and go on writing. */
static void
read_leftover(struct child *child, int stream)
{
    for (int i = 0; i < LEFTOVER && child->streams[stream] >= 0; i++) {
        if (!read_piece(child, stream))
            return;
    }
}

static bool
group_lives(const struct child *child)
{
    return !child->ended || kill(-child->pid, 0) == 0 || errno == EPERM;
}

static void
end(struct child *child)
{
    const struct stop patient = { 0 };
    int64_t until = stop_now() + PATIENCE;

    kill(-child->pid, SIGTERM);
    kill(-child->pid, SIGCONT); /* one that is stopped would not hear it */
    while (group_lives(child) && stop_now() < until)
        attend(child, &patient, BRIEF);
    kill(-child->pid, SIGKILL);
    until = stop_now() + LAST_WAIT;
    while (!child->ended && stop_now() < until)
        attend(child, &patient, BRIEF);
}

static enum process_end
run(struct child *child)
{
    const struct process *process = child->process;
    int64_t until = stop_now() + process->timeout;
    enum process_end why = PROCESS_EXITED;

    while (!child->ended && why == PROCESS_EXITED) {
        int64_t left = process->timeout > 0 ? until - stop_now() : TICK;

        if (stop_cause(process->stop) != STOP_NONE)
            why = PROCESS_STOPPED;
        else if (left <= 0)
            why = PROCESS_TIMED_OUT;
        else
            attend(child, process->stop, left < TICK ? left : TICK);
        if (process->tick != NULL)
            process->tick(process->ctx);
    }
    if (why != PROCESS_EXITED)
        end(child);
    for (int i = OUTPUT; i < STREAMS; i++)
        read_leftover(child, i);
    return why;
}

enum process_end
process_run(struct process *process, struct error *err)
{
    struct child child = { .process = process, .handle = -1, .streams = { -1, -1 } };
    enum process_end why = PROCESS_REFUSED;
    int input = open_input(process);
    int code = input < 0 ? errno : spawn(&child, input);

    if (code == 0)
        why = run(&child);
    else
        refuse(process, code, err);
    close_all(&input, 1);
    close_all(child.streams, STREAMS);
    close_all(&child.handle, 1);
    return why;
}
