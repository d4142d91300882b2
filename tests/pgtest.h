/* pgtest.h - a database of its own for a C test */
#ifndef LUAMIG_TESTS_PGTEST_H
#define LUAMIG_TESTS_PGTEST_H

#include "base/arena.h"
#include "pg/session.h"
#include "script/host.h"

/* A connected server with a fresh database; NULL where LUAMIG_TEST_URL is not set. */
struct pgtest {
    struct server server;
    struct settings settings;
    struct stop stop;
    struct log notices;
    struct arena arena;
    char name[64];
    long live_results; /* of work, that PQclear has not seen yet */
    char logged[1024]; /* by pgtest_log: the last text */
};

/* Both fail the test when they cannot. */
void pgtest_open(struct pgtest *t);
void pgtest_close(struct pgtest *t);

/* Runs SQL on work; fails the test if it fails. */
void pgtest_sql(struct pgtest *t, const char *sql);

/* The first column of the first row, in the arena; "" for NULL or no row. */
const char *pgtest_value(struct pgtest *t, const char *sql);

/* The log of a struct host whose ctx is a struct pgtest. */
void pgtest_log(void *ctx, enum host_log level, const char *text);

#endif
