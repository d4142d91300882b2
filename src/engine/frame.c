#include "engine/frame.h"

#include <inttypes.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/backfilled.h"
#include "engine/ramp.h"
#include "pg/history.h"
#include "pg/pooler.h"
#include "pg/role.h"
#include "pg/steps.h"

void
frame_add_prologue(const struct frame *frame)
{
    const char *prologue = frame->m->server.work.prologue;

    if (prologue != NULL)
        items_add(frame->items, ITEM_PROLOGUE, prologue, NULL);
}

void
frame_add_begin(const struct frame *frame, const char *sql)
{
    items_add(frame->items, ITEM_BEGIN, sql, NULL);
    frame_add_prologue(frame);
}

void
frame_add_discard(const struct frame *frame)
{
    const char *list[POOLER_RESETS];
    size_t count = pooler_resets(&frame->m->server, list);

    for (size_t i = 0; i < count; i++)
        items_add(frame->items, ITEM_SETTING, list[i], NULL);
}

void
frame_add_end(const struct frame *frame)
{
    const struct server *server = &frame->m->server;

    if (server->pooled)
        frame_add_discard(frame);
    items_add(frame->items, ITEM_COMMIT, "COMMIT", NULL);
    if (server->pooled)
        return;
    items_add(frame->items, ITEM_AFTER, "DISCARD ALL", NULL);
    items_add(frame->items, ITEM_AFTER, session_settings(server), NULL);
}

void
frame_add_row(const struct frame *frame)
{
    const struct content *content = frame->content;
    struct pg_params *params = arena_alloc(frame->arena, sizeof(*params));
    const char **values = arena_alloc(frame->arena, 3 * sizeof(*values));
    const char *table = migrator_table(frame->m, "");

    if (content->partial || (content->down && frame->m->table.has_steps))
        items_add(frame->items, ITEM_STEP,
                  steps_delete_sql(content->migration->version,
                                   migrator_table(frame->m, "_steps"), frame->arena),
                  NULL);
    if (content->down || content_keeps(content))
        backfilled_add_delete(frame);
    if (!content_has_row(content))
        return;
    values[0] = arena_printf(frame->arena, "%" PRId64, content->migration->version);
    values[1] = content->migration->name;
    values[2] = content->checksum;
    *params = (struct pg_params){ .count = content->down ? 1 : 3, .values = values };
    items_add(frame->items, ITEM_ROW,
              content->down ? applied_delete_sql(frame->arena, table)
                            : applied_insert_sql(frame->arena, table),
              params);
}

void
frame_add_history(const struct frame *frame)
{
    static const char *const kinds[] = { NULL, "sql", "lua" };
    const struct content *content = frame->content;
    struct history_entry entry = {
        .run = frame->m->run,
        .action = aftermath_action(content),
        .version = content->migration->version,
        .name = content->migration->name,
        .environments = frame->m->environments,
        .outcome = "done",
        .message = frame->remark,
        .checksum = content->checksum,
        .down_kind = content->down ? NULL : kinds[content->migration->down.kind],
        .down_text = content->undo.bytes,
    };
    struct pg_params *params = arena_alloc(frame->arena, sizeof(*params));
    const char *sql;

    if (!content_has_history(content))
        return;
    history_insert(&entry, frame->arena, migrator_table(frame->m, "_history"), &sql,
                   params);
    items_add(frame->items, ITEM_HISTORY, sql, params);
}

void
frame_add_lock_timeout(const struct frame *frame, bool ddl)
{
    int64_t timeout = ramp_timeout(frame->m, frame->content, ddl);

    items_add(frame->items, ITEM_SETTING,
              arena_printf(frame->arena, "SET LOCAL lock_timeout = %" PRId64, timeout),
              NULL);
}

/* A file's own SET lock_timeout wins from there on. */
void
frame_add_statements(const struct frame *frame, size_t first, size_t last)
{
    const struct sql_class *classes = frame->content->sql.classes;
    bool settled = !ramp_is_on(frame->m, frame->content);

    for (size_t n = first; n <= last; n++) {
        if (!settled && classes[n - 1].ddl)
            frame_add_lock_timeout(frame, true);
        settled = settled || classes[n - 1].ddl || classes[n - 1].lock_timeout;
        items_add_statement(frame->items, &frame->content->sql, n);
    }
}

static void
add_settings(const struct frame *frame, const char *const *list)
{
    for (; *list != NULL; list++)
        items_add(frame->items, ITEM_SETTING, *list, NULL);
}

void
frame_add_own_role(const struct frame *frame)
{
    add_settings(frame, role_own);
}

void
frame_add_file_role(const struct frame *frame)
{
    add_settings(frame, role_file);
}

enum guard_row
frame_guard_row(const struct content *content)
{
    if (content->migration->repeatable)
        return GUARD_TABLE;
    if (!content_has_steps(content))
        return GUARD_NO_ROW;
    return content->down ? GUARD_ROW_GONE : GUARD_ROW_IS;
}

/* In this transaction the path is ours, afterwards the file's again. */
static void
add_own_path(const struct frame *frame)
{
    items_add(frame->items, ITEM_SETTING, "SET LOCAL search_path = pg_catalog, pg_temp",
              NULL);
}

static void
add_reset_role(const struct frame *frame)
{
    items_add(frame->items, ITEM_SETTING, "RESET SESSION AUTHORIZATION", NULL);
    items_add(frame->items, ITEM_SETTING, "RESET ROLE", NULL);
}

void
frame_add_resets(const struct frame *frame)
{
    items_add(frame->items, ITEM_CONSTRAINTS, "SET CONSTRAINTS ALL IMMEDIATE", NULL);
    add_reset_role(frame);
    add_own_path(frame);
}

void
frame_add_session(const struct frame *frame)
{
    items_add(frame->items, ITEM_SETTING, "RESET ALL", NULL);
    items_add(frame->items, ITEM_SETTING, session_settings(&frame->m->server), NULL);
    frame_add_lock_timeout(frame, true);
}

/* A lease is read as luamig's role; the fence of an advisory lock is nobody's table. */
static void
add_guard_of_lock(const struct frame *frame)
{
    struct guard guard = migrator_guard(frame->m, GUARD_NO_ROW, 0);
    bool reads = guard.lock.lease != NULL && !frame->confirm;

    guard.has_lock = guard.has_lock && !frame->confirm;
    guard.has_second = guard.has_second && !frame->confirm;
    if (reads)
        frame_add_own_role(frame);
    add_own_path(frame);
    items_add(frame->items, ITEM_GUARD, guard_sql(&guard, frame->arena), NULL);
    if (reads)
        frame_add_file_role(frame);
}

/* Behind a pooler no session is left that the file could go on with. */
void
frame_add_commit(const struct frame *frame)
{
    items_add(frame->items, ITEM_CONSTRAINTS, "SET CONSTRAINTS ALL IMMEDIATE", NULL);
    add_guard_of_lock(frame);
    if (frame->m->server.pooled) {
        add_reset_role(frame);
        frame_add_end(frame);
        return;
    }
    items_add(frame->items, ITEM_COMMIT, "COMMIT", NULL);
}

void
frame_add_record(const struct frame *frame, const char *steps)
{
    const struct content *content = frame->content;
    int64_t version = content->migration->version;

    frame_add_begin(frame, FRAME_BEGIN);
    add_reset_role(frame);
    add_own_path(frame);
    frame_add_row(frame);
    if (content_has_steps(content))
        items_add(frame->items, ITEM_STEP, steps_delete_sql(version, steps, frame->arena),
                  NULL);
}

void
frame_add_record_end(const struct frame *frame)
{
    const struct content *content = frame->content;
    struct guard guard =
        migrator_guard(frame->m, frame_guard_row(content), content->migration->version);

    frame_add_history(frame);
    items_add(frame->items, ITEM_GUARD, guard_sql(&guard, frame->arena), NULL);
    frame_add_end(frame);
}

bool
frame_run(const struct frame *frame, bool serial, struct frame_end *end,
          struct error *err)
{
    struct items *items = frame->items;
    struct pipeline pipeline = {
        .session = &frame->m->server.work,
        .items = items->list,
        .count = items->count,
        .serial = serial,
        .confirm = frame->confirm ? items_find(items, ITEM_COMMIT) : 0,
    };
    bool ok = pipeline_run(&pipeline, err);

    *end = (struct frame_end){ 0 };
    if (!ok && pipeline.answered < items->count) {
        const struct pipeline_item *failed = &items->list[pipeline.answered];

        end->statement = failed->statement;
        end->guard_failed = failed->mark == ITEM_GUARD && failed->statement == 0 &&
                            strcmp(err->sqlstate, "22P02") == 0;
        end->step_is_there =
            failed->mark == ITEM_STEP && strcmp(err->sqlstate, "23505") == 0;
    }
    ok = ok || items_has(items, pipeline.answered, ITEM_COMMIT);
    items_release(items);
    return ok;
}
