#include "engine/parts.h"

#include "engine/aftermath.h"
#include "engine/hooks.h"
#include "engine/ramp.h"

static bool
run_before(const struct frame *frame, struct frame_end *end, struct error *err)
{
    frame_add_begin(frame, FRAME_BEGIN);
    frame_add_lock_timeout(frame, false);
    if (!frame_run(frame, false, end, err) ||
        hooks_in_transaction(frame->m, frame->content, HOOK_BEFORE_MIGRATION, err) !=
            SCRIPT_DONE)
        return false;
    frame_add_commit(frame);
    return frame_run(frame, false, end, err);
}

bool
parts_begin(const struct frame *frame, struct frame_end *end, struct error *err)
{
    bool done;

    if (!hooks_has(frame->m, HOOK_BEFORE_MIGRATION))
        return true;
    ramp_part(frame->m, frame->content);
    do
        done = run_before(frame, end, err);
    while (!done && ramp_again(frame->m, frame->content, err));
    if (done)
        aftermath_clean(frame->m); /* what the hook SET is not the file's */
    return done;
}

static bool
record(const struct frame *frame, const char *steps, struct frame_end *end,
       struct error *err)
{
    frame_add_record(frame, steps);
    if (hooks_has(frame->m, HOOK_AFTER_MIGRATION)) {
        frame_add_session(frame);
        if (!frame_run(frame, false, end, err) ||
            hooks_in_transaction(frame->m, frame->content, HOOK_AFTER_MIGRATION, err) !=
                SCRIPT_DONE)
            return false;
        frame_add_resets(frame);
    }
    frame_add_record_end(frame);
    return frame_run(frame, false, end, err);
}

bool
parts_record(const struct frame *frame, const char *steps, struct frame_end *end,
             struct error *err)
{
    bool done;

    ramp_part(frame->m, frame->content);
    do
        done = record(frame, steps, end, err);
    while (!done && hooks_has(frame->m, HOOK_AFTER_MIGRATION) &&
           ramp_again(frame->m, frame->content, err));
    return done;
}

enum doubt
parts_settle(const struct frame *frame, const struct frame_end *end, struct error *err)
{
    struct migrator *m = frame->m;
    struct stop grace;

    migrator_grace(m, &grace, AFTERMATH_GRACE);
    aftermath_clean(m);
    if (end->guard_failed)
        aftermath_explain_guard(m, err);
    migrator_heed(m);
    if (end->step_is_there && !m->server.work.lost)
        return DOUBT_AGAIN;
    return doubt_settle(m, frame->content, err);
}

bool
parts_explain(const struct frame *frame, size_t statement, struct error *err)
{
    struct migrator *m = frame->m;
    const struct content *content = frame->content;
    struct stop grace;
    bool half_done;

    migrator_grace(m, &grace, AFTERMATH_GRACE);
    if (err->kind == ERROR_CONNECT)
        ; /* it is not the statement's doing */
    else if (content->kind == FILE_LUA)
        content_place_script(content, err);
    else
        content_place(content, statement, m->server.bytes, err);
    aftermath_explain(m, content, err);
    half_done = aftermath_is_half_done(m, content, err);
    aftermath_record(m, content, statement, err);
    migrator_heed(m);
    return half_done;
}
