#include "engine/apply.h"

#include <string.h>

#include "engine/aftermath.h"
#include "engine/own_lock.h"
#include "engine/parts.h"
#include "engine/resume.h"
#include "engine/rival.h"
#include "engine/unit.h"
#include "pg/wait.h"

static const struct step *
row_of(const struct stepper *s, const struct sql_unit *unit)
{
    for (size_t i = 0; i < s->row_count; i++) {
        if (s->rows[i].n == unit->first + 1)
            return &s->rows[i];
    }
    return NULL;
}

/* What an earlier run left of this unit decides whether it is run, and how. */
static enum resume_action
decide(struct stepper *s, const struct sql_unit *unit)
{
    struct resume resume = { .m = s->m,
                             .content = s->content,
                             .unit = unit,
                             .step = row_of(s, unit),
                             .hash = unit_key(s, unit).hash,
                             .arena = &s->arena };

    return resume_decide(&resume, s->err);
}

static bool
do_unit(struct stepper *s, const struct sql_unit *unit, bool *question)
{
    enum stop_cause cause = stop_cause(s->m->stop);

    s->at = unit->first + 1;
    s->m->activity.statement = s->at;
    if (cause != STOP_NONE)
        return wait_cause_error(s->m->stop, cause, s->err);
    if (unit->kind == UNIT_DROPPED)
        return true;
    switch (decide(s, unit)) {
    case RESUME_SKIP: return unit_resend_session(s, unit);
    case RESUME_RUN: return unit_run_patiently(s, unit);
    case RESUME_AGAIN: return unit_run(s, unit, true);
    case RESUME_FINISH: return unit_finish(s, unit);
    case RESUME_QUESTION: *question = true; return false;
    case RESUME_FAILED: return false;
    }
    return false;
}

/* The row of the migration, and the end of its steps, in one transaction. */
static bool
record(struct stepper *s)
{
    struct items items = { 0 };
    struct frame frame = unit_frame(s, &items);

    s->at = 0;
    return own_lock_before_row(s->m, s->err) &&
           parts_record(&frame, s->steps, &s->end, s->err);
}

/* Without a run lock another run may be in the middle of this very file. */
static bool
check_alone(struct stepper *s)
{
    for (size_t i = 0; s->m->settings->lock == LOCK_NONE && i < s->row_count; i++) {
        if (s->rows[i].worker == NULL)
            continue;
        error_set(s->err, ERROR_LOCK, "%s of run %s is at work on %s", s->rows[i].worker,
                  s->rows[i].run, source_label(s->content->migration, &s->arena));
        return error_hint(s->err, "Run `luamig up` again when it has ended, or use a run "
                                  "lock (--lock advisory).");
    }
    return true;
}

/* *did: somebody else has done all of it. */
static bool
begin(struct stepper *s, bool *did)
{
    struct session *work = &s->m->server.work;

    if (!rival_did(s->m, s->content, did, s->err))
        return false;
    if (*did || !content_has_steps(s->content))
        return true;
    s->steps = migrator_table(s->m, "_steps");
    if (!s->m->table.has_steps && !steps_create(work, s->steps, s->err))
        return false;
    s->m->table.has_steps = true;
    return steps_read(work, s->steps, s->content->migration->version,
                      aftermath_direction(s->content), &s->arena, &s->rows, &s->row_count,
                      s->err) &&
           check_alone(s);
}

static void
tell_notices(struct stepper *s)
{
    for (size_t i = 0; i < s->content->sql.notice_count; i++)
        migrator_notify(s->m, (struct event){ .kind = EVENT_NOTICE,
                                              .level = PROBLEM_WARNING,
                                              .text = s->content->sql.notices[i] });
}

static bool
run_all(struct stepper *s, bool *did, bool *question)
{
    struct items items = { 0 };
    struct frame frame = unit_frame(s, &items);
    const struct sql_file *sql = &s->content->sql;

    tell_notices(s);
    if (!begin(s, did) || *did)
        return *did;
    if (!parts_begin(&frame, &s->end, s->err))
        return false;
    for (size_t i = 0; i < sql->unit_count; i++) {
        if (!do_unit(s, &sql->units[i], question))
            return false;
    }
    return record(s);
}

static enum apply_result
attempt(struct stepper *s, bool *again)
{
    struct frame frame = unit_frame(s, NULL);
    bool question = false, did = false;

    if (run_all(s, &did, &question))
        return did ? rival_or_ours(s->m, s->content) : APPLY_DONE;
    switch (parts_settle(&frame, &s->end, s->err)) {
    case DOUBT_DONE: return APPLY_DONE;
    case DOUBT_AGAIN: *again = true; return APPLY_FAILED;
    case DOUBT_FAILED: break;
    }
    if (parts_explain(&frame, s->at, s->err) || question)
        return APPLY_IN_DOUBT;
    return APPLY_FAILED;
}

/* Each attempt goes on from what is recorded. */
enum apply_result
apply_steps(struct migrator *m, const struct content *content, struct error *err)
{
    enum apply_result result;
    bool again;

    do {
        struct stepper s = { .m = m, .content = content, .err = err };

        again = false;
        result = attempt(&s, &again);
        arena_release(&s.arena);
    } while (again);
    return result;
}
