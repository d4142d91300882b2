/*
 * hosts.h - the list of hosts that a connection is tried with, one after the other
 */
#ifndef LUAMIG_PG_HOSTS_H
#define LUAMIG_PG_HOSTS_H

#include <libpq-fe.h>
#include <stdbool.h>

/* libpq's parameters; NULL: as the user set them. Valid when zeroed. */
struct hosts {
    char *host, *hostaddr, *port;
};

/* Only the server that conn is connected to. */
void hosts_pin(struct hosts *hosts, const PGconn *conn);

/*
 * Those of conn's list that come behind the one it is at; conn was begun with hosts. false:
 * there are none, and hosts is as before.
 */
bool hosts_skip(struct hosts *hosts, PGconn *conn);

void hosts_release(struct hosts *hosts);

#endif
