#include "engine/together.h"

#include <string.h>

#include "engine/frame.h"
#include "engine/hooks.h"
#include "engine/scripted.h"
#include "pg/exec.h"

static struct frame
frame_of(struct migrator *m, const struct content *content, struct items *items)
{
    return (
        struct frame){ .m = m, .content = content, .arena = m->arena, .items = items };
}

bool
together_begin(struct migrator *m, const char *modes, struct error *err)
{
    const char *sql = FRAME_BEGIN;

    if (modes != NULL && modes[0] != '\0')
        sql = arena_printf(m->arena, "BEGIN READ WRITE, %s", modes);
    return exec_command(&m->server.work, sql, NULL, err);
}

static void
add_head(const struct frame *frame)
{
    if (!frame->m->dry_run)
        frame_add_row(frame);
    frame_add_lock_timeout(frame, true); /* the ones before may hold strong locks */
}

/* DISCARD ALL cannot stand in a transaction. */
static void
add_tail(const struct frame *frame)
{
    struct items *items = frame->items;

    frame_add_resets(frame);
    if (!frame->m->dry_run)
        frame_add_history(frame);
    frame_add_discard(frame);
    items_add(items, ITEM_SETTING, session_settings(&frame->m->server), NULL);
}

static void
add_session(const struct frame *frame)
{
    frame_add_resets(frame);
    frame_add_session(frame);
}

static bool
run_sql(struct migrator *m, const struct content *content,
        void (*first)(const struct frame *frame), void (*last)(const struct frame *frame),
        struct error *err)
{
    struct items items = { 0 };
    struct frame frame = frame_of(m, content, &items);
    struct frame_end end;

    if (first != NULL)
        first(&frame);
    frame_add_statements(&frame, 1, content->sql.count);
    last(&frame);
    if (frame_run(&frame, content->sql.has_copy, &end, err))
        return true;
    content_place(content, end.statement, m->server.bytes, err);
    return false;
}

static bool
run_script(struct migrator *m, const struct content *content, struct error *err)
{
    struct host host = {
        .ctx = m, .work = &m->server.work, .in_transaction = true, .log = scripted_log
    };

    if (scripted_run(m, content, &host, err) == SCRIPT_DONE)
        return true;
    content_place_script(content, err);
    return false;
}

static bool
run_part(struct migrator *m, const struct content *content,
         void (*add)(const struct frame *frame), struct error *err)
{
    struct items items = { 0 };
    struct frame frame = frame_of(m, content, &items);
    struct frame_end ignored;

    add(&frame);
    if (frame_run(&frame, false, &ignored, err))
        return true;
    content_place(content, 0, m->server.bytes, err);
    return false;
}

static bool
run_hooks(struct migrator *m, const struct content *content, enum hook_event event,
          struct error *err)
{
    return hooks_in_transaction(m, content, event, err) == SCRIPT_DONE;
}

static bool
run_body(struct migrator *m, const struct content *content,
         void (*first)(const struct frame *frame),
         void (*last)(const struct frame *frame), struct error *err)
{
    if (content->kind == FILE_SQL)
        return run_sql(m, content, first, last, err);
    return run_script(m, content, err) && run_part(m, content, last, err);
}

/* SQL goes with what stands before and behind it, unless hooks stand between. */
bool
together_run(struct migrator *m, const struct content *content, struct error *err)
{
    bool before = content->kind == FILE_LUA || hooks_has(m, HOOK_BEFORE_MIGRATION);
    bool after = hooks_has(m, HOOK_AFTER_MIGRATION);

    if (before && (!run_part(m, content, add_head, err) ||
                   !run_hooks(m, content, HOOK_BEFORE_MIGRATION, err)))
        return false;
    if (!run_body(m, content, before ? NULL : add_head, after ? add_session : add_tail,
                  err))
        return false;
    return !after || (run_hooks(m, content, HOOK_AFTER_MIGRATION, err) &&
                      run_part(m, content, add_tail, err));
}

bool
together_commit(struct migrator *m, const struct content *contents, size_t count,
                struct error *err)
{
    struct items items = { 0 };
    struct frame frame = frame_of(m, NULL, &items);
    struct frame_end ignored;

    items_add(&items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp", NULL);
    for (size_t i = 0; i < count; i++) {
        struct guard guard = migrator_guard(m, frame_guard_row(&contents[i]),
                                            contents[i].migration->version);

        items_add(&items, ITEM_GUARD, guard_sql(&guard, m->arena), NULL);
    }
    frame_add_end(&frame);
    return frame_run(&frame, false, &ignored, err);
}
