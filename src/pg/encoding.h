/*
 * encoding.h - a database that cannot hold every character of UTF-8
 */
#ifndef LUAMIG_PG_ENCODING_H
#define LUAMIG_PG_ENCODING_H

#include "pg/session.h"

/*
 * Whether the database can keep the text as it is; ERROR_SQL otherwise (22P05). In UTF8 and
 * SQL_ASCII databases nothing is asked: they keep every text.
 */
bool encoding_keeps(struct session *session, const char *text, struct error *err);

#endif
