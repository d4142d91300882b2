#include "engine/apply.h"

#include <string.h>

#include "engine/aftermath.h"
#include "engine/backfilled.h"
#include "engine/frame.h"
#include "engine/outside.h"
#include "engine/own_lock.h"
#include "engine/parts.h"
#include "engine/ramp.h"
#include "engine/rival.h"
#include "engine/scripted.h"
#include "pg/exec.h"
#include "pg/steps.h"

/* A Lua migration without a transaction of its own: db:step and the like have theirs. */
struct scripted {
    struct migrator *m;
    const struct content *content;
    struct arena arena;
    const char *steps; /* the table, quoted */
    struct step *rows; /* of earlier runs */
    size_t row_count;
    size_t next; /* number of the next step's row */
    struct frame_end end;
    bool gave_way; /* the part that begins has begun before */
    struct host host;
    struct backfilled backfilled;
};

static struct frame
frame_of(struct scripted *s, struct items *items)
{
    return (struct frame){
        .m = s->m, .content = s->content, .arena = &s->arena, .items = items
    };
}

static bool
run_items(struct scripted *s, struct items *items, struct error *err)
{
    struct frame frame = frame_of(s, items);

    return frame_run(&frame, false, &s->end, err);
}

static bool
begin(void *ctx, struct error *err)
{
    struct scripted *s = ctx;
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);

    if (!s->gave_way)
        ramp_part(s->m, s->content);
    s->gave_way = false;
    s->host.before_ddl = scripted_before_ddl(s->m, s->content, &s->arena);
    frame_add_begin(&frame, FRAME_BEGIN);
    frame_add_lock_timeout(&frame, false);
    return run_items(s, &items, err);
}

static void
add_step(struct scripted *s, struct items *items, const char *name)
{
    struct frame frame = frame_of(s, items);
    struct step_key key = { .version = s->content->migration->version,
                            .direction = aftermath_direction(s->content),
                            .n = s->next++,
                            .hash = s->content->checksum,
                            .name = arena_strdup(&s->arena, name),
                            .run = s->m->run,
                            .pooled = s->m->server.pooled };
    struct pg_params *params = arena_alloc(&s->arena, sizeof(*params));
    const char *sql = steps_insert(&key, true, s->steps, &s->arena, params);

    frame_add_own_role(&frame);
    items_add(items, ITEM_STEP, sql, params);
    frame_add_file_role(&frame);
}

static bool
commit(void *ctx, const char *step, struct error *err)
{
    struct scripted *s = ctx;
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);

    if (step != NULL && content_has_steps(s->content))
        add_step(s, &items, step);
    frame_add_commit(&frame);
    return run_items(s, &items, err);
}

static bool
has_step(void *ctx, const char *step)
{
    const struct scripted *s = ctx;

    for (size_t i = 0; i < s->row_count; i++) {
        if (strcmp(s->rows[i].name, step) == 0)
            return true;
    }
    return false;
}

/* One statement on its way through outside_run(). */
struct sending {
    struct scripted *s;
    const struct host_statement *statement;
    PGresult **res;
};

static bool
send(void *ctx, struct error *err)
{
    struct sending *sending = ctx;

    PQclear(*sending->res);
    return exec_outside(&sending->s->m->server.work, sending->statement->sql,
                        sending->statement->params, sending->res, err);
}

static bool
outside(void *ctx, const struct host_statement *statement, PGresult **res,
        struct error *err)
{
    struct scripted *s = ctx;
    struct sending sending = { .s = s, .statement = statement, .res = res };
    struct outside out = { .m = s->m,
                           .class = statement->class,
                           .arena = &s->arena,
                           .timed = s->content->directives.has_timeout,
                           .sweep = true,
                           .send = send,
                           .ctx = &sending };

    return outside_run(&out, err);
}

static bool
again(void *ctx, struct error *err)
{
    struct scripted *s = ctx;

    s->gave_way = ramp_again(s->m, s->content, err);
    return s->gave_way;
}

static void
write_log(void *ctx, enum host_log level, const char *text)
{
    const struct scripted *s = ctx;

    scripted_log(s->m, level, text);
}

/* The script's role may not be allowed to, once it has set one. */
static bool
create_backfills(struct scripted *s, struct error *err)
{
    static const char word[] = "backfill";
    const struct fs_text *text = &s->content->script;

    return memmem(text->bytes, text->size, word, strlen(word)) == NULL ||
           checkpoint_create(&s->m->server.work, &s->m->settings->table, &s->m->table,
                             s->m->arena, err);
}

static bool
read_steps(struct scripted *s, struct error *err)
{
    struct session *work = &s->m->server.work;

    if (!content_has_steps(s->content))
        return true;
    s->steps = migrator_table(s->m, "_steps");
    if (!s->m->table.has_steps && !steps_create(work, s->steps, err))
        return false;
    s->m->table.has_steps = true;
    if (!create_backfills(s, err))
        return false;
    if (!steps_read(work, s->steps, s->content->migration->version,
                    aftermath_direction(s->content), &s->arena, &s->rows, &s->row_count,
                    err))
        return false;
    s->next = s->row_count > 0 ? s->rows[s->row_count - 1].n + 1 : 1;
    return true;
}

static bool
record(struct scripted *s, struct error *err)
{
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);

    return backfilled_totals(s->m, s->content, &s->arena, &frame.remark, err) &&
           own_lock_before_row(s->m, err) && parts_record(&frame, s->steps, &s->end, err);
}

static enum apply_result
run(struct scripted *s, struct error *err)
{
    struct items items = { 0 };
    struct frame frame = frame_of(s, &items);
    bool did = false;

    backfilled_init(&s->backfilled, s->m, s->content);
    s->host =
        (struct host){ .ctx = s,
                       .work = &s->m->server.work,
                       .log = write_log,
                       .begin = begin,
                       .commit = commit,
                       .has_step = has_step,
                       .again = again,
                       .outside = outside,
                       .backfill =
                           content_has_steps(s->content) ? &s->backfilled.env : NULL };

    if (!rival_did(s->m, s->content, &did, err))
        return APPLY_FAILED;
    if (did)
        return rival_or_ours(s->m, s->content);
    if (!read_steps(s, err) || !parts_begin(&frame, &s->end, err))
        return APPLY_FAILED;
    switch (scripted_run(s->m, s->content, &s->host, err)) {
    case SCRIPT_STRAY: return APPLY_IN_DOUBT;
    case SCRIPT_FAILED: return APPLY_FAILED;
    case SCRIPT_DONE: break;
    }
    return record(s, err) ? APPLY_DONE : APPLY_FAILED;
}

/* What slipped through, or has another run at it, is not tried again. */
static enum doubt
settle(struct scripted *s, bool is_final, struct error *err)
{
    struct frame frame = frame_of(s, NULL);

    if (!is_final)
        return parts_settle(&frame, &s->end, err);
    aftermath_reset(s->m);
    return DOUBT_FAILED;
}

static enum apply_result
attempt(struct scripted *s, struct error *err, bool *another)
{
    struct frame frame = frame_of(s, NULL);
    enum apply_result result = run(s, err);
    bool taken_over = s->backfilled.env.taken_over;

    if (result == APPLY_DONE || result == APPLY_BY_ANOTHER)
        return result;
    s->m->activity.paused = s->backfilled.env.paused;
    s->m->activity.taken_over = taken_over;
    switch (settle(s, result == APPLY_IN_DOUBT || taken_over, err)) {
    case DOUBT_DONE: return APPLY_DONE;
    case DOUBT_AGAIN: *another = true; return APPLY_FAILED;
    case DOUBT_FAILED: break;
    }
    return parts_explain(&frame, 0, err) ? APPLY_IN_DOUBT : result;
}

/* Each attempt runs the script again, without the steps that are recorded. */
enum apply_result
apply_script(struct migrator *m, const struct content *content, struct error *err)
{
    enum apply_result result;
    bool another;

    do {
        struct scripted s = { .m = m, .content = content };

        another = false;
        result = attempt(&s, err, &another);
        arena_release(&s.arena);
    } while (another);
    return result;
}
