/*
 * exec.h - one statement, and how it ended
 *
 * The extended protocol, but for texts of luamig's own that say so: the server itself
 * refuses a second command in one string (42601), so that a mistake of the splitter cannot
 * run half a file.
 */
#ifndef LUAMIG_PG_EXEC_H
#define LUAMIG_PG_EXEC_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/error.h"
#include "pg/session.h"

struct pg_params {
    int count;
    const char *const *values; /* text; NULL is SQL NULL */
    const int *lengths;        /* used where formats[i] is 1; NULL: all text */
    const int *formats;        /* NULL: all text */
};

/* PG_PARAMS("a", NULL, "42"): a struct pg_params * for one call. */
#define PG_PARAMS(...)                                                                   \
    (&(const struct pg_params){                                                          \
        .count = (int)(sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)),   \
        .values = (const char *const[]){ __VA_ARGS__ } })

/*
 * Runs one statement; params may be NULL. Waits with wait_for(), so it heeds server->stop
 * (the statement is then cancelled at the server). On success *res is the caller's to
 * PQclear(); on failure it is NULL and err has kind ERROR_SQL, ERROR_CONNECT (the
 * connection is lost), ERROR_SIGNAL, ERROR_TIMEOUT or ERROR_LOCK (the run lock is lost).
 * COPY is ended at once: FROM STDIN fails, TO STDOUT is read and dropped.
 */
bool exec_query(struct session *session, const char *sql, const struct pg_params *params,
                PGresult **res, struct error *err);

/* The first column of the first row, in the arena; NULL where there is none, or NULL. */
bool exec_text(struct session *session, const char *sql, const struct pg_params *params,
               struct arena *arena, const char **text, struct error *err);

/* The same for one whose result does not matter. */
bool exec_command(struct session *session, const char *sql,
                  const struct pg_params *params, struct error *err);

/* A CREATE of a table or schema; that somebody else was faster is no failure. */
bool exec_create(struct session *session, const char *sql, struct error *err);

/*
 * Statements of luamig's own in one message, which a pooler cannot part; *res is the last
 * one's. Without a BEGIN in it they are one transaction.
 */
bool exec_simple(struct session *session, const char *sql, PGresult **res,
                 struct error *err);

/* A statement that cannot run in a transaction block; *res as of exec_query(). */
bool exec_outside(struct session *session, const char *sql,
                  const struct pg_params *params, PGresult **res, struct error *err);

/* COMMIT, and proof that it was one: in a failed block the server answers ROLLBACK. */
bool exec_commit(struct session *session, struct error *err);

/*
 * ROLLBACK if the session is in a block, failed or not; nothing otherwise. Behind a pooler
 * also the end of what survives it.
 */
bool exec_rollback(struct session *session, struct error *err);

/* Sends one statement and does not wait, as in a pipeline; params may be NULL. */
bool exec_send(PGconn *conn, const char *sql, const struct pg_params *params);

/*
 * Turns a failed result into *err: message, sqlstate, detail, hint, object, where; the
 * position goes to err->position and err->body_line. res may be NULL or the connection
 * lost: then the message is libpq's, without secrets. Always false.
 */
bool exec_error(struct session *session, const PGresult *res, struct error *err);

/*
 * What the server said before it ended the connection; NULL: nothing, or the connection
 * stands and was given up: waiting for it would never end.
 */
PGresult *exec_last_words(PGconn *conn);

/* Whether the result is a success of any sort. */
bool exec_is_ok(const PGresult *res);

/* The value as C text, NULL where it is SQL NULL. */
const char *exec_value(const PGresult *res, int row, int column);

#endif
