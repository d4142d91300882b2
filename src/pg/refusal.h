/* refusal.h - why there is no connection, and what to do about it */
#ifndef LUAMIG_PG_REFUSAL_H
#define LUAMIG_PG_REFUSAL_H

#include "base/error.h"
#include "base/strbuf.h"
#include "pg/conninfo.h"

/* ERROR_CONNECT of libpq's text, a line for each host; secrets are cut out of it. False. */
bool refusal_explain(struct strbuf *text, const struct secrets *secrets,
                     struct error *err);

#endif
