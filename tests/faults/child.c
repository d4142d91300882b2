/* child.c - a run of luamig, and what it says */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/faults.h"

#define LONGEST 90000 /* ms */

static void
become_luamig(const struct folder *folder, const char *url, const char *const more[3])
{
    const char *argv[] = {
        "luamig", "up", "--dir", folder->path, NULL, NULL, NULL, NULL
    };

    for (size_t i = 0; i < 3 && more[i] != NULL; i++)
        argv[4 + i] = more[i];
    setenv("LUAMIG_DATABASE", url, 1);
    execv(getenv("LUAMIG"), (char **)(uintptr_t)argv);
    _exit(127);
}

void
child_up(struct child *child, const struct folder *folder, const char *url,
         const char *const more[3])
{
    int ends[2];

    *child = (struct child){ 0 };
    if (pipe(ends) != 0)
        exit(2);
    child->pid = fork();
    if (child->pid == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        become_luamig(folder, url, more);
    }
    close(ends[1]);
    child->out = ends[0];
}

/* Counts what this run applied itself. */
static void
look_at_lines(struct child *child)
{
    char *line = child->text + child->read_to, *end;

    while ((end = strchr(line, '\n')) != NULL) {
        *end = '\0';
        if (strncmp(line, "applied ", 8) == 0 && strstr(line, "by another") == NULL) {
            child->said++;
            child->last = strtol(line + 8, NULL, 10);
        }
        *end = '\n';
        line = end + 1;
    }
    child->read_to = (size_t)(line - child->text);
}

/* Keeps the second half of a full buffer. */
static void
make_room(struct child *child)
{
    size_t half = sizeof(child->text) / 2;

    if (child->len + 4096 < sizeof(child->text))
        return;
    half = half < child->read_to ? half : child->read_to;
    memmove(child->text, child->text + half, child->len - half + 1);
    child->len -= half;
    child->read_to -= half;
}

static void
reap(struct child *child)
{
    int status = 0;

    close(child->out);
    waitpid(child->pid, &status, 0);
    child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    child->ended = true;
}

bool
child_listen(struct child *child, int ms)
{
    struct pollfd fd = { .fd = child->out, .events = POLLIN };
    ssize_t got;

    if (child->ended)
        return false;
    if (poll(&fd, 1, ms) <= 0)
        return true;
    make_room(child);
    got = read(child->out, child->text + child->len, 4000);
    if (got <= 0) {
        reap(child);
        return false;
    }
    child->len += (size_t)got;
    child->text[child->len] = '\0';
    look_at_lines(child);
    return true;
}

bool
child_until(struct child *child, size_t said)
{
    int64_t until = now_ms() + LONGEST;

    while (child->said < said && now_ms() < until) {
        if (!child_listen(child, 1000))
            return false;
    }
    return child->said >= said;
}

void
child_wait(struct child *child, struct tally *tally)
{
    int64_t until = now_ms() + LONGEST;

    while (child_listen(child, 1000)) {
        if (now_ms() < until)
            continue;
        tally_lost(tally, "it does not end: %s", child->text);
        kill(child->pid, SIGKILL);
        until += LONGEST;
    }
}

void
child_finish(const struct folder *folder, const char *database, struct tally *tally)
{
    static const char *const none[3];
    struct child child;

    child_up(&child, folder, server_url(database), none);
    child_wait(&child, tally);
    if (child.status != 0)
        tally_lost(tally, "the last up: exit %d: %s", child.status, child.text);
    else
        judge(tally, folder, database);
}
