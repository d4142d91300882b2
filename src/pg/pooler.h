/*
 * pooler.h - a server behind a pooler (DESIGN 5)
 *
 * Between two transactions the pooler may give our backend to somebody else, and another
 * one to us. That it does so cannot be asked, so it is assumed, in session mode as well.
 * Nothing is therefore SET for a session: a transaction begins with luamig's settings as
 * its own, and before COMMIT stands what DISCARD ALL would do. Statements are unnamed.
 *
 * exec.h asks here by itself: exec_commit(), exec_rollback(), exec_outside(), and
 * exec_query() for BEGIN and for a statement that stands alone. Who makes a pipeline asks
 * session->prologue and pooler_resets().
 */
#ifndef LUAMIG_PG_POOLER_H
#define LUAMIG_PG_POOLER_H

#include "pg/exec.h"
#include "pg/session.h"

#define POOLER_RESETS 9

/*
 * Looks at what work begins with behind the pooler; fills server->pooler. ERROR_CONNECT
 * where it pools by statement: no transaction is possible there.
 */
bool pooler_meet(struct session *session, struct error *err);

/* Whether a statement sent now would stand alone and needs a transaction to carry settings. */
bool pooler_wraps(const struct session *session);

/*
 * BEGIN, prologue, the statement, COMMIT in one round trip; or, where the statement is
 * BEGIN with its modes, that and the prologue: the transaction stays open.
 */
bool pooler_query(struct session *session, const char *sql,
                  const struct pg_params *params, PGresult **res, struct error *err);

/* What DISCARD ALL does, and COMMIT; *res is COMMIT's. */
bool pooler_commit(struct session *session, PGresult **res, struct error *err);

/* ROLLBACK, and what survives it: prepared statements, session locks, sequences. */
bool pooler_rollback(struct session *session, struct error *err);

/*
 * A statement that cannot run in a transaction block: right behind a transaction that SETs
 * what it needs, in one Sync, and with what undoes that in the next one, sent at once, so
 * that the backend is kept. It is said in the notices if it was not. More Syncs must not be
 * under way: if luamig dies behind the first answer, PgBouncer (1.18) takes the backend for
 * idle and gives our other answers to the next client (measured).
 */
bool pooler_outside(struct session *session, const char *sql,
                    const struct pg_params *params, PGresult **res, struct error *err);

/*
 * What DISCARD ALL does, as statements that may stand in a transaction; direct ones too.
 * Fills list, answers how many. RESET ALL takes luamig's settings as well, and that is how
 * it should end: after SET LOCAL, RESET, SET LOCAL a setting counts as the session's, and a
 * reload of the server would not change it any more (measured).
 */
size_t pooler_resets(const struct server *server, const char *list[POOLER_RESETS]);

/* Reads the pid that a prologue answered with. */
void pooler_note_backend(struct session *session, const PGresult *res);

/*
 * With a transaction open on lock, or one that is opened for the question: whether work
 * gets a backend too within 5 s. ERROR_CONNECT: a pool of one, or all in use.
 */
bool pooler_check_room(struct server *server, struct error *err);

#endif
