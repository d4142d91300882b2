#include "engine/hooks.h"

#include <time.h>

#include "engine/aftermath.h"
#include "engine/autocommit.h"
#include "engine/scripted.h"

#define LAST_WORDS     10000 /* ms that on_failure has */
#define CONNECT_WITHIN 5000  /* ms of them for a new connection */
#define AT_LEAST       1000  /* ms, whatever an undo took before */

struct hooks {
    struct hooks_file file;
    struct host quiet; /* of what the file does while it is read */
    struct hook_run run;
    struct hook_step *plan;
    size_t plan_count;
    bool begun; /* before_run was called */
    bool has_failed;
    struct script_facts failed; /* the migration that failed */
};

static const char *
now_text(struct migrator *m)
{
    time_t now = time(NULL);
    struct tm tm;
    char text[32];

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return arena_strdup(m->arena, text);
}

static struct hook_run
describe_run(struct migrator *m, enum hooks_part part)
{
    bool background = part == HOOKS_BACKGROUND;

    return (struct hook_run){ .id = m->run,
                              .command = background ? "up" : m->server.command,
                              .direction = part == HOOKS_DOWN ? "down" : "up",
                              .background = background,
                              .environments = m->environments,
                              .database = m->server.database,
                              .host = arena_strdup(m->arena, server_host(&m->server)),
                              .user = m->server.user,
                              .started = now_text(m) };
}

/* What a hook raises before anything was done is a refusal; limits and signals are not. */
static void
make_refusal(struct error *err)
{
    if (err->kind == ERROR_SCRIPT || err->kind == ERROR_SQL)
        err->kind = ERROR_PLAN;
}

bool
hooks_open(struct migrator *m, enum hooks_part part, struct error *err)
{
    struct hooks *hooks;

    if (m->settings->hooks == NULL)
        return true;
    hooks = arena_alloc(m->arena, sizeof(*hooks));
    hooks->begun = part == HOOKS_SECOND;
    hooks->run = describe_run(m, part);
    hooks->quiet =
        (struct host){ .ctx = m, .log = scripted_log, .waiting = scripted_waiting };
    m->hooks = hooks;
    stop_limit(m->stop, LIMIT_RUN, m->settings->timeout);
    if (hooks_file_open(&hooks->file, m->settings->hooks, m->settings, &hooks->quiet,
                        m->stop, err)) {
        stop_limit(m->stop, LIMIT_RUN, 0);
        return true;
    }
    make_refusal(err);
    return false;
}

void
hooks_close(struct migrator *m)
{
    if (m->hooks != NULL)
        hooks_file_close(&m->hooks->file);
    m->hooks = NULL;
}

bool
hooks_has(const struct migrator *m, enum hook_event event)
{
    return m->hooks != NULL && m->hooks->file.counts[event] > 0;
}

static struct hook_call
call_of(struct migrator *m, enum hook_event event)
{
    const struct hooks *hooks = m->hooks;

    return (struct hook_call){ .event = event,
                               .run = &hooks->run,
                               .plan = hooks->plan,
                               .plan_count = hooks->plan_count,
                               .duration = -1,
                               .stop = m->server.stop };
}

static enum script_end
call_all(struct migrator *m, const struct hook_call *call, struct error *err)
{
    enum script_end end = SCRIPT_DONE;

    for (size_t n = 0; end == SCRIPT_DONE && n < m->hooks->file.counts[call->event]; n++)
        end = hooks_file_call(&m->hooks->file, n, call, err);
    if (end != SCRIPT_DONE)
        error_within(err, "in the %s hook", hooks_file_event(call->event));
    return end;
}

/* What ended a hook does not end this; on_failure is within a grace of its own already. */
static void
reset_session(struct migrator *m)
{
    if (m->server.cleaning)
        aftermath_clean(m);
    else
        aftermath_reset(m);
}

/*
 * Each function with db in autocommit; the session is reset behind those that used it.
 * guarded: nothing commits once the run lock is lost; in the background there is none.
 */
static bool
call_alone(struct migrator *m, const struct hook_call *what, bool guarded,
           struct error *err)
{
    struct autocommit autocommit = { .m = m,
                                     .guarded = guarded && !what->run->background };
    struct host host = autocommit_host(&autocommit);
    struct hook_call call = *what;
    enum script_end end = SCRIPT_DONE;

    call.host = &host;
    for (size_t n = 0; end == SCRIPT_DONE && n < m->hooks->file.counts[call.event]; n++) {
        size_t before = m->server.work.syncs;

        end = hooks_file_call(&m->hooks->file, n, &call, err);
        migrator_flush_notices(m, NULL);
        if (m->server.work.syncs != before)
            reset_session(m);
    }
    if (end != SCRIPT_DONE)
        error_within(err, "in the %s hook", hooks_file_event(call.event));
    return end == SCRIPT_DONE;
}

static void
keep_plan(struct migrator *m, const struct content *contents, size_t count)
{
    struct hooks *hooks = m->hooks;

    hooks->plan = arena_alloc(m->arena, (count + 1) * sizeof(*hooks->plan));
    hooks->plan_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct migration *migration = contents[i].migration;

        hooks->plan[i] = (struct hook_step){ .has_version = !migration->repeatable,
                                             .version = migration->version,
                                             .name = migration->name };
    }
}

bool
hooks_before_run(struct migrator *m, const struct content *contents, size_t count,
                 struct error *err)
{
    struct hook_call call;
    bool begun;

    if (m->hooks == NULL)
        return true;
    keep_plan(m, contents, count);
    call = call_of(m, HOOK_BEFORE_RUN);
    begun = m->hooks->begun;
    m->hooks->begun = true;
    if (begun || call_alone(m, &call, true, err))
        return true;
    make_refusal(err);
    return false;
}

static void
warn(struct migrator *m, enum hook_event event, const struct error *err)
{
    const struct error_place *place = &err->place;
    const char *at = place->line > 0
                         ? arena_printf(m->arena, " (%s:%zu)", place->file, place->line)
                         : "";

    migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                       .level = PROBLEM_WARNING,
                                       .text = arena_printf(m->arena,
                                                            "the %s hook failed: %s%s",
                                                            hooks_file_event(event),
                                                            err->message, at) });
}

void
hooks_after_run(struct migrator *m)
{
    struct hook_call call;
    struct error err = { 0 };

    if (!hooks_has(m, HOOK_AFTER_RUN))
        return;
    call = call_of(m, HOOK_AFTER_RUN);
    if (!call_alone(m, &call, true, &err))
        warn(m, HOOK_AFTER_RUN, &err);
}

enum script_end
hooks_in_transaction(struct migrator *m, const struct content *content,
                     enum hook_event event, struct error *err)
{
    struct arena arena = { 0 };
    struct host host = { .ctx = m,
                         .work = &m->server.work,
                         .is_hook = true,
                         .in_transaction = true,
                         .log = scripted_log,
                         .waiting = scripted_waiting };
    struct script_facts facts = scripted_facts(m, content);
    struct hook_call call;
    enum script_end end;

    if (!hooks_has(m, event))
        return SCRIPT_DONE;
    host.before_ddl = scripted_before_ddl(m, content, &arena);
    call = call_of(m, event);
    call.host = &host;
    call.migration = &facts;
    if (event == HOOK_AFTER_MIGRATION)
        call.duration = stop_now() - m->activity.since;
    end = call_all(m, &call, err);
    arena_release(&arena);
    return end;
}

void
hooks_note_failure(struct migrator *m, const struct content *content)
{
    if (m->hooks == NULL || m->hooks->has_failed)
        return;
    m->hooks->has_failed = true;
    m->hooks->failed = scripted_facts(m, content);
}

/* A clean session, a new one if the old one is lost; otherwise db says why there is none. */
static bool
have_session(struct migrator *m, struct stop *stop, struct error *err)
{
    struct session *work = &m->server.work;
    int64_t left = stop->clocks[LIMIT_GRACE].deadline - stop_now();
    bool ok;

    aftermath_clean(m);
    if (work->conn != NULL && !work->lost)
        return true;
    session_close(work);
    session_close(&m->server.control);
    stop_limit(stop, LIMIT_GRACE, left < CONNECT_WITHIN ? left / 2 : CONNECT_WITHIN);
    ok = session_open(&m->server, SESSION_WORK, err);
    work->lost = !ok;
    stop_limit(stop, LIMIT_GRACE, left);
    err->kind = ERROR_CONNECT;
    return ok;
}

/* After a signal and an undo, all must be over before an orchestrator kills. */
static int64_t
time_left(const struct migrator *m)
{
    int64_t left = m->undo_until > 0 ? m->undo_until - stop_now() : LAST_WORDS;

    if (left > LAST_WORDS)
        return LAST_WORDS;
    return left > AT_LEAST ? left : AT_LEAST;
}

void
hooks_on_failure(struct migrator *m, const struct error *why)
{
    struct hook_call call;
    struct stop stop;
    struct error no_db = { 0 }, err = { 0 };

    if (!hooks_has(m, HOOK_ON_FAILURE) || !m->hooks->begun)
        return;
    migrator_grace(m, &stop, time_left(m));
    call = call_of(m, HOOK_ON_FAILURE);
    call.error = why;
    if (m->hooks->has_failed)
        call.migration = &m->hooks->failed;
    if (!have_session(m, &stop, &no_db))
        call.no_db = &no_db;
    if (!call_alone(m, &call, false, &err)) {
        if (err.kind == ERROR_TIMEOUT)
            error_set(&err, ERROR_TIMEOUT, "it was ended after %d s", LAST_WORDS / 1000);
        warn(m, HOOK_ON_FAILURE, &err);
    }
    migrator_heed(m);
}
