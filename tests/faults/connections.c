/*
 * connections.c - what luamig talks through goes away: backends, connections, the server;
 * the same run goes on and ends with 0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/faults/faults.h"

#define DATABASE "faults_lost"

static const char *const none[3];

/* Does it once, to the child's connections; false: there was nothing to hit. */
typedef bool hit(struct child *child);

/*
 * One run of the folder, hit again and again; url NULL: the server's own.
 * At least one migration gets through between two hits: four losses of one are too many.
 */
static void
assault(struct tally *tally, size_t wanted, const char *url, hit *once)
{
    struct child child;
    long said = chance(4);

    server_fresh(DATABASE);
    child_up(&child, &many, url != NULL ? url : server_url(DATABASE), none);
    while (tally->injected < wanted && child_until(&child, (size_t)said)) {
        nap(chance(3 * (long)many.pace));
        tally->injected += once(&child);
        said = (long)child.said + 1 + chance(6);
    }
    child_wait(&child, tally);
    if (child.status != 0)
        tally_lost(tally, "exit %d: %s", child.status, child.text);
    else
        judge(tally, &many, DATABASE);
}

static bool
terminate(struct child *child)
{
    static const char *const which[] = { "NOT", "", "true OR" };
    char sql[600];

    (void)child;
    snprintf(sql, sizeof(sql),
             "SELECT count(pg_terminate_backend(a.pid)) FROM pg_stat_activity a"
             " WHERE a.datname = '" DATABASE "' AND a.application_name LIKE 'luamig%%'"
             " AND (%s EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid"
             " AND l.locktype = 'advisory' AND l.granted))",
             which[chance(3)]);
    return strcmp(server_ask("postgres", sql), "0") != 0;
}

void
fault_terminate(struct tally *tally, size_t wanted)
{
    while (tally_goes_on(tally, wanted))
        assault(tally, wanted, NULL, terminate);
}

static bool
restart(struct child *child)
{
    if (child->ended)
        return false;
    server_restart();
    return true;
}

void
fault_restart(struct tally *tally, size_t wanted)
{
    while (tally_goes_on(tally, wanted))
        assault(tally, wanted, NULL, restart);
}

static const char *
cut_file(void)
{
    static char path[600];

    snprintf(path, sizeof(path), "%s/cut", server_dir());
    return path;
}

/* The proxy takes the file away and cuts. */
static bool
cut(struct child *child)
{
    static const char modes[] = "abcdhp"; /* tests/proxy.c */
    char name[700];
    FILE *file;

    snprintf(name, sizeof(name), "%s.new", cut_file());
    file = fopen(name, "w");
    if (file == NULL)
        return false;
    fprintf(file, "%ld %c\n", 1 + chance(20), modes[chance((long)strlen(modes))]);
    fclose(file);
    if (rename(name, cut_file()) != 0)
        return false;
    while (access(cut_file(), F_OK) == 0) {
        if (!child_listen(child, 5))
            return unlink(cut_file()) != 0;
    }
    return true;
}

static FILE *
proxy_start(char *url, size_t size, int *pid)
{
    char command[2000], line[64];
    const char *port = strstr(server_url("x"), "port=");
    FILE *pipe;

    snprintf(command, sizeof(command),
             "echo $$; exec '%s' '%s/.s.PGSQL.%d' '%s/counts' '%s'",
             build_file("tests/proxy"), server_dir(), atoi(port + 5), server_dir(),
             cut_file());
    pipe = popen(command, "r");
    if (pipe == NULL || fgets(line, sizeof(line), pipe) == NULL)
        exit(2);
    *pid = atoi(line);
    if (fgets(line, sizeof(line), pipe) == NULL)
        exit(2);
    snprintf(url, size,
             "postgresql://postgres@127.0.0.1:%d/%s?sslmode=disable"
             "&gssencmode=disable",
             atoi(line), DATABASE);
    return pipe;
}

void
fault_cut(struct tally *tally, size_t wanted)
{
    char url[200], command[64];
    int pid;
    FILE *proxy = proxy_start(url, sizeof(url), &pid);

    while (tally_goes_on(tally, wanted))
        assault(tally, wanted, url, cut);
    snprintf(command, sizeof(command), "kill %d", pid);
    if (system(command) != 0)
        fprintf(stderr, "the proxy has ended\n");
    pclose(proxy);
}
