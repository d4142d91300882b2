/* greeting.h - what a new session is told: luamig's settings */
#ifndef LUAMIG_PG_GREETING_H
#define LUAMIG_PG_GREETING_H

#include "base/strbuf.h"
#include "pg/session.h"

/*
 * SETs what a session needs (DESIGN 5). Behind a pooler nothing is SET for a session: the
 * settings become what each transaction of it begins with.
 */
bool greeting_send(struct session *session, struct error *err);

/* luamig's own limits instead of the server's, for every session, as one SELECT. */
void greeting_limits(const struct server *server, struct strbuf *sql);

/* Adds one more setting to it; name and value need no quoting. */
void greeting_add(const struct server *server, struct strbuf *sql, const char *name,
                  const char *value);

#endif
