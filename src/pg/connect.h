/*
 * connect.h - one connection to the server, or the first of several, that the settings name
 */
#ifndef LUAMIG_PG_CONNECT_H
#define LUAMIG_PG_CONNECT_H

#include "pg/session.h"

/*
 * Connects, again and again while connect_wait lasts; where work is connected, to the very
 * same server. Hosts are tried in libpq's order; one that does not answer has the time of
 * connect_timeout (10 s unless that is set), then it is the next one's turn. ERROR_CONNECT
 * with what each host said, without any secret, and what to do; ERROR_SIGNAL, ERROR_TIMEOUT.
 */
bool connect_open(struct server *server, const char *name, PGconn **conn,
                  struct error *err);

#endif
