/* backfilled.h - the engine's side of backfills: what they are lent, and their record */
#ifndef LUAMIG_ENGINE_BACKFILLED_H
#define LUAMIG_ENGINE_BACKFILLED_H

#include "backfill/backfill.h"
#include "engine/content.h"
#include "engine/frame.h"
#include "engine/migrator.h"

struct backfilled {
    struct backfill_env env; /* for struct host */
    struct migrator *m;
    const struct content *content;
    int64_t told;    /* monotonic ms: of progress */
    int64_t waiting; /* the same, of what it waits for: whom */
    char whom[256];
};

/* Fills it for one attempt at the content. */
void backfilled_init(struct backfilled *b, struct migrator *m,
                     const struct content *content);

/*
 * Before anything runs: what an attempt left that the history has as finished since is
 * dropped; ERROR_PLAN where a script has changed since its backfill began, unless
 * m->settings->accept_change.
 */
bool backfilled_check(struct migrator *m, const struct content *contents, size_t count,
                      struct error *err);

/*
 * The script is over, and its role with it:
 * "backfill phones: 7500000 rows, 12 conflicts", for the history; NULL: there was none.
 */
bool backfilled_totals(struct migrator *m, const struct content *content,
                       struct arena *arena, const char **text, struct error *err);

/* The DELETE of the version's rows, where there are such tables; or runs it by itself. */
void backfilled_add_delete(const struct frame *frame);
bool backfilled_forget(struct migrator *m, int64_t version, struct error *err);

/* SELECT of the versions that have rows of an unfinished up. */
const char *backfilled_partial_sql(struct migrator *m);

#endif
