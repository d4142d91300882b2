#include "engine/outside.h"

#include <stdio.h>
#include <string.h>

#include "engine/aftermath.h"
#include "pg/exec.h"
#include "pg/indexes.h"

#define INDEX_TRIES 2 /* a CREATE INDEX CONCURRENTLY is tried again once */

/*
 * CONCURRENTLY waits for virtual transactions, lock_timeout counts that and leaves an
 * invalid index: 0, in a Sync of its own (exec_outside() does it behind a pooler). Such statements block nobody, so the clocks
 * stand still, unless the file set one.
 */
static bool
send(const struct outside *o, struct error *err)
{
    struct session *work = &o->m->server.work;
    struct error ignored = { 0 };
    bool sets = o->class->concurrently && !work->server->pooled, ok;

    if (sets && !exec_command(work, "SET lock_timeout = 0", NULL, err))
        return false;
    if (!o->timed) {
        stop_pause(o->m->stop, LIMIT_MIGRATION);
        stop_pause(o->m->stop, LIMIT_RUN);
    }
    ok = o->send(o->ctx, err);
    if (!o->timed) {
        stop_resume(o->m->stop, LIMIT_MIGRATION);
        stop_resume(o->m->stop, LIMIT_RUN);
    }
    if (sets && !work->lost)
        exec_command(work, "RESET lock_timeout", NULL, ok ? err : &ignored);
    return ok;
}

static bool
builds_index(const struct sql_class *class)
{
    return class->outside == OUTSIDE_CREATE_INDEX || class->outside == OUTSIDE_REINDEX;
}

static bool
invalid_now(const struct outside *o, struct indexes *now, struct error *err)
{
    return indexes_invalid(&o->m->server.work, o->class->relation, o->class->index,
                           o->arena, now, err);
}

static bool
drop(const struct outside *o, const struct index *left, struct error *err)
{
    char text[256];

    if (!indexes_drop(&o->m->server.work, left, err))
        return false;
    snprintf(text, sizeof(text), "dropped invalid index %s, left by a failed build",
             left->ident);
    migrator_notify(o->m, (struct event){ .kind = EVENT_NOTICE,
                                          .level = PROBLEM_NOTE,
                                          .text = text });
    return true;
}

/*
 * Drops what a failed build left; says so. false: it could not be dropped, or another run
 * may have begun to build it, for the run lock is lost.
 */
static bool
drop_leftover(const struct outside *o, const struct indexes *before)
{
    struct error err = { 0 };
    const struct index *left;
    struct indexes now;

    if (o->m->server.work.lost || o->m->server.lock_lost != NULL ||
        !invalid_now(o, &now, &err))
        return false;
    while ((left = indexes_leftover(before, &now)) != NULL) {
        if (!drop(o, left, &err) || !invalid_now(o, &now, &err))
            return false;
    }
    return true;
}

/* A stopped run still has to take its leftover away, in time of its own. */
static void
clean_index(const struct outside *o, const struct indexes *before, struct error *err)
{
    struct stop grace;

    migrator_grace(o->m, &grace, AFTERMATH_GRACE);
    if (!drop_leftover(o, before)) {
        if (o->left != NULL)
            *o->left = true;
        if (err->hint[0] == '\0')
            error_hint(err, "An invalid index may be left: `luamig verify` names it.");
    }
    migrator_heed(o->m);
}

static bool
is_worth_a_retry(const struct error *err)
{
    return strcmp(err->sqlstate, "40P01") == 0 || strcmp(err->sqlstate, "55P03") == 0;
}

/* IF NOT EXISTS would accept what an earlier build left under the name. */
static bool
sweep(const struct outside *o, struct error *err)
{
    struct indexes now;

    if (!o->sweep || o->class->outside != OUTSIDE_CREATE_INDEX || o->class->index == NULL)
        return true;
    if (!invalid_now(o, &now, err))
        return false;
    for (size_t i = 0; i < now.count; i++) {
        if (!now.list[i].building && strcmp(now.list[i].name, o->class->index) == 0 &&
            !drop(o, &now.list[i], err))
            return false;
    }
    return true;
}

static bool
build_index(const struct outside *o, struct error *err)
{
    struct indexes before;

    for (int tries = 1;; tries++) {
        if (!sweep(o, err) || !invalid_now(o, &before, err))
            return false;
        if (send(o, err))
            return true;
        clean_index(o, &before, err);
        if (tries == INDEX_TRIES || !is_worth_a_retry(err))
            return false;
    }
}

static bool
check_lock(const struct outside *o, struct error *err)
{
    if (migrator_check_lock(o->m, err))
        return true;
    if (err->kind == ERROR_LOCK)
        error_hint(err, "Run `luamig up` again; it goes on behind the last statement "
                        "that was recorded.");
    return false;
}

bool
outside_run(const struct outside *o, struct error *err)
{
    if (!check_lock(o, err))
        return false;
    if (!(builds_index(o->class) ? build_index(o, err) : send(o, err)))
        return false;
    return o->class->outside != OUTSIDE_DISCARD_ALL ||
           exec_command(&o->m->server.work, session_settings(&o->m->server), NULL, err);
}
