#include "engine/aftermath.h"

#include <stdio.h>
#include <string.h>

#include "pg/exec.h"
#include "pg/history.h"
#include "pg/steps.h"

const char *
aftermath_action(const struct content *content)
{
    return content->migration->repeatable ? "repeat" : aftermath_direction(content);
}

const char *
aftermath_direction(const struct content *content)
{
    return content->down ? "down" : "up";
}

void
aftermath_clean(struct migrator *m)
{
    struct session *work = &m->server.work;
    struct error err = { 0 };

    if (work->lost || work->conn == NULL)
        return;
    /* A late cancel may hit the first of these; the second try is not hit again. */
    for (int tries = 0; tries < 2; tries++) {
        if (exec_rollback(work, &err) &&
            (m->server.pooled ||
             (exec_command(work, "DISCARD ALL", NULL, &err) &&
              exec_command(work, session_settings(&m->server), NULL, &err))))
            return;
    }
    work->lost = true;
}

void
aftermath_reset(struct migrator *m)
{
    struct stop grace;

    migrator_grace(m, &grace, AFTERMATH_GRACE);
    aftermath_clean(m);
    migrator_heed(m);
}

static const char no_transaction_hint[] =
    "Write `-- luamig: no-transaction` at the top of the file.";

static const char hook_hint[] =
    "A migration's hooks are in its transaction: use before_run or after_run.";

static bool
is_of_hook(const struct migrator *m, const struct error *err)
{
    return m->settings->hooks != NULL && strcmp(err->place.file, m->settings->hooks) == 0;
}

static void
explain_lock_timeout(struct migrator *m, struct error *err)
{
    const char *blockers = m->activity.blockers;

    if (blockers[0] != '\0')
        error_detail(err, "Blocked by %s", blockers);
    error_hint(err, "Run `luamig up` again when the blocker has ended; lock_timeout "
                    "(--lock-timeout) says how long one attempt waits.");
}

/* The connection was lost: how one finds out what happened, if that is in doubt. */
static void
explain_loss(struct migrator *m, const struct content *content, struct error *err)
{
    struct error lost = *err;

    if (lost.kind == ERROR_CONNECT) {
        error_set(err, ERROR_CONNECT, "the connection was lost while %s ran",
                  source_label(content->migration, m->arena));
        error_detail(err, "%s", lost.detail[0] != '\0' ? lost.detail : lost.message);
        error_text(err->where, sizeof(err->where), lost.where);
        err->in_doubt = lost.in_doubt;
    }
    if (err->in_doubt)
        error_hint(err, "Whether it was committed is told by its row: run `luamig up` "
                        "again, it finds out.");
}

void
aftermath_explain(struct migrator *m, const struct content *content, struct error *err)
{
    if (strcmp(err->sqlstate, "25001") == 0 || strcmp(err->sqlstate, "55P04") == 0 ||
        strcmp(err->sqlstate, "2D000") == 0)
        error_hint(err, "%s", is_of_hook(m, err) ? hook_hint : no_transaction_hint);
    else if (strcmp(err->sqlstate, "55P03") == 0)
        explain_lock_timeout(m, err);
    else if (err->kind == ERROR_TIMEOUT && m->activity.blocked)
        error_detail(err, "Blocked by %s", m->activity.blockers);
    explain_loss(m, content, err);
}

void
aftermath_explain_guard(struct migrator *m, struct error *err)
{
    struct error why = { 0 };

    if (!m->server.work.lost && !migrator_check_lock(m, &why) && why.kind == ERROR_LOCK)
        *err = why;
}

bool
aftermath_is_half_done(struct migrator *m, const struct content *content,
                       struct error *err)
{
    struct session *work = &m->server.work;
    struct step *rows;
    size_t count = 0;
    struct error why = { 0 };

    if (err->kind != ERROR_LOCK || m->settings->lock != LOCK_LEASE || work->lost ||
        !m->table.has_steps || !content_has_steps(content))
        return false;
    if (!steps_read(work, migrator_table(m, "_steps"), content->migration->version,
                    aftermath_direction(content), m->arena, &rows, &count, &why) ||
        count == 0)
        return false;
    error_hint(err, "`luamig up` goes on behind what was recorded.");
    return true;
}

void
aftermath_record(struct migrator *m, const struct content *content, size_t statement,
                 const struct error *err)
{
    struct history_entry entry = {
        .run = m->run,
        .action = aftermath_action(content),
        .version = content->migration->version,
        .name = content->migration->name,
        .environments = m->environments,
        .outcome = m->activity.paused ? "paused" : "failed",
        .sqlstate = err->sqlstate[0] != '\0' ? err->sqlstate : NULL,
        .message = err->message,
        .statement = statement,
        .checksum = content->checksum,
        .elapsed = stop_now() - m->activity.since,
    };
    struct error why = { 0 };
    char text[1200];

    if (m->server.work.lost || !content_has_history(content))
        return;
    if (history_write(&m->server.work, migrator_table(m, "_history"), &entry, &why))
        return;
    snprintf(text, sizeof(text), "the failure could not be recorded in the history: %s",
             why.message);
    migrator_notify(m, (struct event){ .kind = EVENT_NOTICE,
                                       .level = PROBLEM_WARNING,
                                       .text = text });
}
