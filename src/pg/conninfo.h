/*
 * conninfo.h - a connection URL or conninfo string, and the secrets in it
 */
#ifndef LUAMIG_PG_CONNINFO_H
#define LUAMIG_PG_CONNINFO_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

#define SECRETS_MAX 8

/* Texts that must not appear in any message (cloud tokens are long). Valid when zeroed. */
struct secrets {
    char texts[SECRETS_MAX][4096];
    size_t count;
};

/*
 * Whether libpq can read text. ERROR_USAGE otherwise; libpq's own message is never shown,
 * it holds passwords (measured): the parameter at fault is named, and for those of other
 * tools what to write. A scheme other than postgres:// and postgresql:// is refused, and a
 * URL that a password with an unescaped '@', '/' or '?' has torn.
 */
bool conninfo_check(const char *text, struct error *err);

/* Whether text itself holds a password (a warning where others see it: process list). */
bool conninfo_has_password(const char *text);

/* The same server, but that database: keyword=value pairs. text passed conninfo_check(). */
const char *conninfo_with_database(const char *text, const char *database,
                                   struct arena *arena);

/* The passwords in text (NULL: none) and PGPASSWORD, raw and decoded. */
void conninfo_secrets(struct secrets *secrets, const char *text);

/* Those that libpq found elsewhere, too: in a passfile, a service file. */
void conninfo_learn(struct secrets *secrets, PGconn *conn);

/* An argument as messages may show it: a URL in it without its password; the whole: dst. */
const char *conninfo_shown(const char *text, char *dst, size_t size);

/* Replaces every secret in text by "***", in place. */
void conninfo_hide(const struct secrets *secrets, char *text);

#endif
