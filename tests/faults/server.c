/* server.c - the server that is made to suffer, asked over a connection for each question */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/faults.h"

static const char *
environment(const char *name)
{
    const char *value = getenv(name);

    if (value != NULL)
        return value;
    fprintf(stderr, "%s is not set: run me under tests/with-postgres.sh\n", name);
    exit(2);
}

const char *
server_dir(void)
{
    return environment("LUAMIG_TEST_DIR");
}

const char *
server_url(const char *database)
{
    static char text[600];
    const char *base = environment("LUAMIG_TEST_URL");
    const char *query = strchr(base, '?');

    snprintf(text, sizeof(text), "postgresql:///%s%s", database,
             query != NULL ? query : "");
    return text;
}

const char *
pooler_url(const char *database)
{
    static char text[600];

    snprintf(text, sizeof(text), "postgresql:///%s?host=%s/pool&port=6432&user=postgres",
             database, server_dir());
    return text;
}

pid_t
pooler_start(const char *mode, const char *size)
{
    char command[1500], line[32] = "";
    FILE *pipe;

    snprintf(command, sizeof(command), "'%s/pooler.sh' %s %s '%s/pool'",
             environment("LUAMIG_FAULTS"), mode, size, server_dir());
    pipe = popen(command, "r");
    if (pipe == NULL || fgets(line, sizeof(line), pipe) == NULL || pclose(pipe) != 0) {
        fprintf(stderr, "PgBouncer does not start\n");
        exit(2);
    }
    return (pid_t)atoi(line);
}

const char *
build_file(const char *name)
{
    static char path[600];

    snprintf(path, sizeof(path), "%s/%s", environment("LUAMIG_BUILD"), name);
    return path;
}

/* A server that restarts is waited for. */
static PGconn *
connect_patiently(const char *database)
{
    PGconn *conn = NULL;

    for (int tries = 0; tries < 200; tries++) {
        conn = PQconnectdb(server_url(database));
        if (PQstatus(conn) == CONNECTION_OK)
            return conn;
        PQfinish(conn);
        nap(50000);
    }
    fprintf(stderr, "the server does not answer\n");
    exit(2);
}

static void
be_quiet(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

const char *
server_ask(const char *database, const char *sql)
{
    static char value[65536];
    PGconn *conn = connect_patiently(database);
    PGresult *res;

    PQsetNoticeReceiver(conn, be_quiet, NULL);
    res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s\n%s\n", sql, PQerrorMessage(conn));
        exit(2);
    }
    snprintf(value, sizeof(value), "%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    PQfinish(conn);
    return value;
}

void
server_fresh(const char *database)
{
    char sql[200];

    snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    server_ask("postgres", sql);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", database);
    server_ask("postgres", sql);
    server_ask(database, "CREATE TABLE marks (v int, part text);"
                         "CREATE TABLE counter AS SELECT 0 AS n;"
                         "CREATE TABLE common AS SELECT generate_series(1, 300) AS id;"
                         "CREATE INDEX common_id ON common (id)");
}

void
server_restart(void)
{
    const char *here = environment("LUAMIG_FAULTS");
    char command[700];

    snprintf(command, sizeof(command), "'%s/restart.sh'", here);
    if (system(command) == 0)
        return;
    fprintf(stderr, "the server could not be restarted\n");
    exit(2);
}
