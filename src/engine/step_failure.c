#include <string.h>

#include "engine/aftermath.h"
#include "engine/stepper.h"

/* The run lock is lost and something of the migration stays: another run may be at it. */
static bool
is_half_done(struct stepper *s)
{
    struct session *work = &s->m->server.work;
    struct error err = { 0 };

    if (s->err->kind != ERROR_LOCK || s->m->settings->lock != LOCK_LEASE || work->lost)
        return false;
    if (!steps_read(work, s->steps, s->content->migration->version,
                    aftermath_direction(s->content), &s->arena, &s->rows, &s->row_count,
                    &err) ||
        s->row_count == 0)
        return false;
    error_hint(s->err, "`luamig up` goes on behind what was recorded.");
    return true;
}

/* The guard's own words are for the log of the server. */
static void
explain_guard(struct stepper *s)
{
    struct error why = { 0 };

    if (s->guard_failed && !s->m->server.work.lost && !migrator_check_lock(s->m, &why) &&
        why.kind == ERROR_LOCK)
        *s->err = why;
}

void
stepper_explain(struct stepper *s, bool *in_doubt)
{
    struct stop grace;

    migrator_grace(s->m, &grace, AFTERMATH_GRACE);
    aftermath_clean(s->m);
    explain_guard(s);
    if (s->m->server.work.lost) {
        aftermath_explain_loss(s->m, s->content, s->err);
    } else {
        content_place(s->content, s->at, s->m->server.bytes, s->err);
        aftermath_explain(s->m, s->content, s->err);
        *in_doubt = *in_doubt || is_half_done(s);
        aftermath_record(s->m, s->content, s->at, s->err);
    }
    migrator_heed(s->m);
}
