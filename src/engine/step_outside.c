#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "engine/stepper.h"
#include "pg/exec.h"
#include "pg/indexes.h"

#define INDEX_TRIES 2 /* a CREATE INDEX CONCURRENTLY is tried again once */

/*
 * What cannot run in a block. CONCURRENTLY waits for virtual transactions, lock_timeout
 * counts that and leaves an invalid index: 0, in a Sync of its own. Such statements block
 * nobody, so the clocks stand still, unless the file set one.
 */
static bool
send_outside(struct stepper *s, size_t n)
{
    const struct sql_class *class = &s->content->sql.classes[n - 1];
    bool timed = s->content->directives.has_timeout;
    struct session *work = &s->m->server.work;
    struct error ignored = { 0 };
    bool ok;

    if (class->concurrently && !exec_command(work, "SET lock_timeout = 0", NULL, s->err))
        return false;
    if (!timed) {
        stop_pause(s->m->stop, LIMIT_MIGRATION);
        stop_pause(s->m->stop, LIMIT_RUN);
    }
    ok = stepper_send(s, n);
    if (!timed) {
        stop_resume(s->m->stop, LIMIT_MIGRATION);
        stop_resume(s->m->stop, LIMIT_RUN);
    }
    if (class->concurrently && !work->lost)
        exec_command(work, "RESET lock_timeout", NULL, ok ? s->err : &ignored);
    return ok;
}

static bool
builds_index(const struct sql_class *class)
{
    return class->outside == OUTSIDE_CREATE_INDEX || class->outside == OUTSIDE_REINDEX;
}

/*
 * Drops what a failed build left; says so. false: it could not be dropped, or another run
 * may have begun to build it, for the run lock is lost.
 */
static bool
drop_leftover(struct stepper *s, const struct sql_class *class,
              const struct indexes *before)
{
    struct session *work = &s->m->server.work;
    struct error err = { 0 };
    const struct index *left;
    struct indexes now;
    char text[256];

    if (work->lost || s->m->server.lock_lost != NULL ||
        !indexes_invalid(work, class->relation, class->index, &s->arena, &now, &err))
        return false;
    while ((left = indexes_leftover(before, &now)) != NULL) {
        if (!indexes_drop(work, left, &err))
            return false;
        snprintf(text, sizeof(text), "dropped invalid index %s, left by the failed build",
                 left->ident);
        migrator_notify(s->m, (struct event){ .kind = EVENT_NOTICE,
                                              .level = PROBLEM_NOTE,
                                              .text = text });
        if (!indexes_invalid(work, class->relation, class->index, &s->arena, &now, &err))
            return false;
    }
    return true;
}

/* A stopped run still has to take its leftover away, in time of its own. */
static void
clean_index(struct stepper *s, const struct sql_class *class,
            const struct indexes *before)
{
    struct stop grace;

    migrator_grace(s->m, &grace, AFTERMATH_GRACE);
    if (!drop_leftover(s, class, before) && s->err->hint[0] == '\0')
        error_hint(s->err, "An invalid index may be left: `luamig verify` names it.");
    migrator_heed(s->m);
}

static bool
is_worth_a_retry(const struct error *err)
{
    return strcmp(err->sqlstate, "40P01") == 0 || strcmp(err->sqlstate, "55P03") == 0;
}

static bool
build_index(struct stepper *s, size_t n)
{
    const struct sql_class *class = &s->content->sql.classes[n - 1];
    struct indexes before;

    for (int tries = 1;; tries++) {
        if (!indexes_invalid(&s->m->server.work, class->relation, class->index, &s->arena,
                             &before, s->err))
            return false;
        if (send_outside(s, n))
            return true;
        clean_index(s, class, &before);
        if (tries == INDEX_TRIES || !is_worth_a_retry(s->err))
            return false;
    }
}

static bool
check_lock(struct stepper *s)
{
    if (migrator_check_lock(s->m, s->err))
        return true;
    if (s->err->kind != ERROR_LOCK)
        return false;
    return error_hint(s->err, "Run `luamig up` again; it goes on behind the last "
                              "statement that was recorded.");
}

/* Marked started before, done after; what the mark means on a resume is resume's affair. */
bool
stepper_outside(struct stepper *s, const struct sql_unit *unit, bool marked)
{
    const struct sql_class *class = stepper_class(s, unit);
    size_t n = unit->first + 1;

    if (!marked && !stepper_mark(s, unit, false))
        return false;
    if (!check_lock(s))
        return false;
    if (!(builds_index(class) ? build_index(s, n) : send_outside(s, n)))
        return false;
    if (class->outside == OUTSIDE_DISCARD_ALL &&
        !exec_command(&s->m->server.work, session_settings(&s->m->server), NULL, s->err))
        return false;
    return stepper_finish(s, unit);
}
