/*
 * rival.h - what somebody else did with a migration while this run was at it, or was without
 * its lock
 */
#ifndef LUAMIG_ENGINE_RIVAL_H
#define LUAMIG_ENGINE_RIVAL_H

#include "engine/apply.h"
#include "engine/content.h"
#include "engine/migrator.h"

/*
 * Whether the row says that it is done: it is there, of a down it is gone. ERROR_PLAN if it
 * is there under another name. What has no row is never done.
 */
bool rival_did(struct migrator *m, const struct content *content, bool *did,
               struct error *err);

/* APPLY_BY_ANOTHER; or APPLY_DONE: it was this run, before its connection was lost. */
enum apply_result rival_or_ours(struct migrator *m, const struct content *content);

#endif
