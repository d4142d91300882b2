/* preflight.h - the grammar of every pending statement, before the first is run */
#ifndef LUAMIG_ENGINE_PREFLIGHT_H
#define LUAMIG_ENGINE_PREFLIGHT_H

#include "engine/content.h"
#include "engine/migrator.h"

/*
 * Behind a pooler a file in statements mode must leave nothing in the session that a later
 * statement needs. Then lets the server parse each statement of the contents (up to 1 MB each). ERROR_PLAN with
 * file, line and excerpt for the first that it refuses.
 */
bool preflight(struct migrator *m, const struct content *contents, size_t count,
               struct error *err);

#endif
