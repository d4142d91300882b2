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
