/*
 * sqlkind.h - what a statement is, by its first words
 *
 * PostgreSQL's grammar is the server's business; this only knows what decides how a
 * statement is run: transaction commands, what cannot run in a transaction block, what
 * leaves session state behind.
 */
#ifndef LUAMIG_PLAN_SQLKIND_H
#define LUAMIG_PLAN_SQLKIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum sql_kind {
    SQL_ORDINARY,
    SQL_BEGIN,               /* BEGIN, START TRANSACTION */
    SQL_COMMIT,              /* COMMIT, END */
    SQL_ROLLBACK,            /* ROLLBACK, ABORT */
    SQL_SAVEPOINT,           /* SAVEPOINT, RELEASE, ROLLBACK TO */
    SQL_PREPARE_TRANSACTION, /* refused everywhere */
    SQL_SET_TRANSACTION,
    SQL_SET_LOCAL,
    SQL_SESSION, /* SET, RESET, set_config(), LOAD, LISTEN: sent again on every resume */
    SQL_TEMPORARY, /* CREATE TEMP, PREPARE, DECLARE: cannot be brought back on a resume */
    SQL_BLOCK,     /* DO, CALL: may commit by itself */
    SQL_OUTSIDE    /* cannot run in a transaction block; see enum sql_outside */
};

enum sql_outside {
    OUTSIDE_NONE,
    OUTSIDE_CREATE_INDEX, /* CONCURRENTLY, as the next two */
    OUTSIDE_DROP_INDEX,
    OUTSIDE_REINDEX,
    OUTSIDE_REINDEX_MANY, /* SCHEMA, DATABASE, SYSTEM */
    OUTSIDE_VACUUM,
    OUTSIDE_CLUSTER,
    OUTSIDE_ALTER_SYSTEM,
    OUTSIDE_CREATE_DATABASE,
    OUTSIDE_DROP_DATABASE,
    OUTSIDE_CREATE_TABLESPACE,
    OUTSIDE_DROP_TABLESPACE,
    OUTSIDE_MOVE_DATABASE, /* ALTER DATABASE ... SET TABLESPACE */
    OUTSIDE_CREATE_SUBSCRIPTION,
    OUTSIDE_DROP_SUBSCRIPTION,
    OUTSIDE_DETACH,          /* DETACH PARTITION ... CONCURRENTLY */
    OUTSIDE_FINISH_PREPARED, /* COMMIT PREPARED, ROLLBACK PREPARED */
    OUTSIDE_DISCARD_ALL
};

struct sql_class {
    enum sql_kind kind;
    enum sql_outside outside;
    bool chain : 1;        /* AND CHAIN */
    bool read_only : 1;    /* BEGIN READ ONLY */
    bool copy_in : 1;      /* COPY ... FROM STDIN */
    bool copy_out : 1;     /* COPY ... TO STDOUT */
    bool bad_encoding : 1; /* client_encoding set to anything but UTF8 */
    bool bad_strings : 1;  /* standard_conforming_strings set to off */
    bool ddl : 1; /* it may take strong locks: no mere reading and writing of rows */
    bool lock_timeout : 1;  /* sets it */
    bool concurrently : 1;  /* lock_timeout must not count its waits */
    bool if_not_exists : 1; /* or IF EXISTS */
    const char *modes;      /* BEGIN, SET TRANSACTION: the modes as written; "" if none */
    const char *index;      /* as written, for the indexes and databases of SQL_OUTSIDE */
    const char *relation;   /* the table, as written; NULL: not named */
};

/* Texts of the class are in the arena. */
void sqlkind_classify(const char *sql, size_t length, struct arena *arena,
                      struct sql_class *out);

/* "CREATE INDEX CONCURRENTLY", for messages. */
const char *sqlkind_outside_name(enum sql_outside outside);

#endif
