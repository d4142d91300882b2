/*
 * copy.h - COPY ... FROM STDIN and COPY ... TO STDOUT, piece by piece
 *
 * In the open transaction of a session that is not in pipeline mode. Between begin and end
 * nothing else may be sent. Waits heed server->stop, as everywhere.
 */
#ifndef LUAMIG_PG_COPY_H
#define LUAMIG_PG_COPY_H

#include <stdint.h>

#include "pg/wait.h"

/* Valid when zeroed: not begun. */
struct copy {
    struct session *session; /* NULL: not begun, or at its end */
    struct wait wait;
};

/* Sends the COPY command. On failure *err says why, and there is nothing to end. */
bool copy_begin(struct copy *copy, struct session *session, const char *sql,
                struct error *err);

/* Feeds data. What the server refuses is told by copy_end(). */
bool copy_put(struct copy *copy, const char *bytes, size_t len, struct error *err);

/*
 * Ends a COPY FROM; refuse is a reason to have it fail, or NULL. *rows is what was copied.
 */
bool copy_end(struct copy *copy, const char *refuse, int64_t *rows, struct error *err);

enum copy_got {
    COPY_ROW, /* *row is the caller's to PQfreemem() */
    COPY_END, /* that was all */
    COPY_FAILED
};

/* The next row of a COPY TO, in COPY's text format with its newline. */
enum copy_got copy_get(struct copy *copy, char **row, size_t *len, struct error *err);

/* Gives up a COPY TO in the middle: cancels it and reads its end. */
void copy_abandon(struct copy *copy);

#endif
