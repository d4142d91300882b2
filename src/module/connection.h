/*
 * connection.h - luamig.connect(url): the `db` of scripts, on a connection of its own
 *
 * Each statement commits by itself unless db:transaction or db:try is round it. There is no
 * migration, so there is neither db:step nor db:backfill. The host's signals are its own.
 */
#ifndef LUAMIG_MODULE_CONNECTION_H
#define LUAMIG_MODULE_CONNECTION_H

#include <lua.h>

struct connection;

/* Adds to the type `db`, which db_open() has registered, what a host's state needs. */
void connection_register(lua_State *L);

/*
 * Pushes a db with one user value, free for the caller; raises what keeps it from its
 * server. The pointer is good as long as the value is kept.
 */
struct connection *connection_push(lua_State *L, const char *url);

/* Closing twice is fine. */
void connection_close(struct connection *c);

/* Raises while a db:transaction or db:try is running; what names the call. */
void connection_check_idle(lua_State *L, const struct connection *c, const char *what);

/* luamig.connect(url) -> db */
int connection_connect(lua_State *L);

#endif
