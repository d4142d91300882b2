/* control.h - the third connection: to look and to cancel; it never writes */
#ifndef LUAMIG_PG_CONTROL_H
#define LUAMIG_PG_CONTROL_H

#include "pg/session.h"

/*
 * The control session, opened if need be; NULL if it cannot be had (too many
 * connections): the run goes on without, and server->notices says so once.
 */
struct session *control_get(struct server *server);

/*
 * Closes a control session that was lost behind the caller's question; behind a pooler
 * that is one that got no backend in time, and there is none for the rest of the run.
 */
void control_check(struct server *server);

/*
 * Asks the server to cancel what session runs: pg_cancel_backend on control, and where
 * that cannot be had, and behind a pooler, PQcancel in a forked child (libpq 15's blocks). One attempt; it may
 * be lost, so it is repeated by wait_for().
 */
void control_cancel(struct session *session);

#endif
