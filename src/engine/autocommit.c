#include "engine/autocommit.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/frame.h"
#include "engine/scripted.h"
#include "pg/exec.h"

#define LOCK_TIMEOUT 5000 /* ms for a table lock, unless the settings say otherwise */

static bool
begin(void *ctx, struct error *err)
{
    const struct autocommit *a = ctx;
    struct items items = { 0 };
    struct frame frame = { .m = a->m, .items = &items };
    struct frame_end ignored;
    int64_t timeout = a->m->settings->lock_timeout;
    char sql[64];

    snprintf(sql, sizeof(sql), "SET LOCAL lock_timeout = %" PRId64,
             timeout >= 0 ? timeout : LOCK_TIMEOUT);
    frame_add_begin(&frame, FRAME_BEGIN);
    items_add(&items, ITEM_SETTING, sql, NULL);
    return frame_run(&frame, false, &ignored, err);
}

static bool
commit(void *ctx, const char *step, struct error *err)
{
    const struct autocommit *a = ctx;
    struct arena arena = { 0 };
    struct items items = { 0 };
    struct frame frame = { .m = a->m, .arena = &arena, .items = &items };
    struct frame_end end;
    bool ok;

    (void)step;
    if (!a->guarded)
        return exec_commit(&a->m->server.work, err);
    frame_add_commit(&frame);
    ok = frame_run(&frame, false, &end, err);
    arena_release(&arena);
    if (!ok && end.guard_failed)
        error_set(err, ERROR_LOCK, "the run lock was lost");
    return ok;
}

static void
write_log(void *ctx, enum host_log level, const char *text)
{
    const struct autocommit *a = ctx;

    scripted_log(a->m, level, text);
}

static void
tell_waiting(void *ctx, const char *text)
{
    const struct autocommit *a = ctx;

    scripted_waiting(a->m, text);
}

struct host
autocommit_host(struct autocommit *autocommit)
{
    return (struct host){ .ctx = autocommit,
                          .work = &autocommit->m->server.work,
                          .is_hook = true,
                          .log = write_log,
                          .waiting = tell_waiting,
                          .begin = begin,
                          .commit = commit };
}
