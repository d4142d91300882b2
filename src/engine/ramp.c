#include "engine/ramp.h"

#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "pg/exec.h"
#include "pg/wait.h"

#define ROWS_TIMEOUT    10000 /* ms for a row lock, as long as no strong lock is held */
#define FIRST_PAUSE     250   /* ms; x 1.6 with each attempt */
#define LONGEST_PAUSE   30000
#define UNDO_RETRY      30000
#define BEHIND_DEADLOCK 250 /* ms more than deadlock_timeout */

void
ramp_begin(struct migrator *m, const struct content *content)
{
    int64_t retry = content->directives.has_lock_retry ? content->directives.lock_retry
                                                       : m->settings->lock_retry;

    if (m->undoing && retry > UNDO_RETRY)
        retry = UNDO_RETRY;
    m->ramp = (struct ramp){ .attempt = 1, .left = retry, .began = stop_now() };
    m->server.watch.every = 0;
}

void
ramp_attempt(struct migrator *m)
{
    m->ramp.began = stop_now();
    stop_limit(m->stop, LIMIT_MIGRATION, m->stop->clocks[LIMIT_MIGRATION].limit);
}

void
ramp_part(struct migrator *m, const struct content *content)
{
    int64_t left = m->ramp.left;

    ramp_begin(m, content);
    if (!m->background)
        m->ramp.left = left;
    m->activity.blockers[0] = '\0';
    m->activity.blocked = false;
}

/* What the file, or a fixed setting, says; -1: the ramp decides. */
static int64_t
fixed(const struct migrator *m, const struct content *content)
{
    if (content->directives.has_lock_timeout)
        return content->directives.lock_timeout;
    return m->settings->lock_timeout;
}

bool
ramp_is_on(const struct migrator *m, const struct content *content)
{
    return fixed(m, content) < 0 && !m->dry_run;
}

static int64_t
timeout_of(const struct migrator *m, const struct content *content, size_t attempt)
{
    static const int64_t steps[] = { 100, 100, 200, 300, 500 };
    const size_t count = sizeof(steps) / sizeof(steps[0]);

    if (fixed(m, content) >= 0)
        return fixed(m, content);
    if (attempt <= count)
        return steps[attempt - 1];
    return m->server.deadlock_timeout + BEHIND_DEADLOCK;
}

int64_t
ramp_timeout(const struct migrator *m, const struct content *content, bool ddl)
{
    if (fixed(m, content) < 0 && (!ddl || m->dry_run))
        return ROWS_TIMEOUT;
    return timeout_of(m, content, m->ramp.attempt);
}

static bool
is_about_locks(const struct error *err)
{
    return err->kind == ERROR_SQL &&
           (strcmp(err->sqlstate, "55P03") == 0 || strcmp(err->sqlstate, "40P01") == 0 ||
            strcmp(err->sqlstate, "40001") == 0);
}

/*
 * Full jitter: anything from nothing to the longest of this attempt, but the last attempt
 * begins before lock_retry is spent. Negative: it is spent.
 */
static int64_t
pause_of(const struct migrator *m, int64_t timeout)
{
    double longest = FIRST_PAUSE;
    int64_t pause, most = m->ramp.left - timeout;

    for (size_t i = 1; i < m->ramp.attempt && longest < LONGEST_PAUSE; i++)
        longest *= 1.6;
    if (longest > LONGEST_PAUSE)
        longest = LONGEST_PAUSE;
    pause = random() % ((int64_t)longest + 1);
    return pause < most ? pause : most;
}

static void
tell(struct migrator *m, const struct error *err, int64_t pause)
{
    const char *who = m->activity.blockers;
    struct event event = { .kind = EVENT_MIGRATION_RETRIED,
                           .attempt = m->ramp.attempt,
                           .elapsed = pause,
                           .error = err };

    event.text = who[0] != '\0' ? who : NULL;
    migrator_notify(m, event);
}

/* Pauses count against the run's limit, not against the migration's. */
static bool
wait_a_little(struct migrator *m, int64_t ms, struct error *err)
{
    int64_t until = stop_now() + ms, left;
    enum stop_cause cause = STOP_NONE;

    stop_pause(m->stop, LIMIT_MIGRATION);
    while (cause == STOP_NONE && (left = until - stop_now()) > 0) {
        stop_poll(m->stop, NULL, 0, left);
        cause = stop_cause(m->stop);
    }
    if (cause == STOP_NONE)
        return true;
    wait_cause_error(m->stop, cause, err);
    if (m->activity.blockers[0] != '\0')
        error_detail(err, "Blocked by %s", m->activity.blockers);
    return false;
}

static void
explain_spent(const struct migrator *m, const struct content *content, struct error *err)
{
    char spent[32];

    words_setting(content->directives.has_lock_retry ? content->directives.lock_retry
                                                     : m->settings->lock_retry,
                  spent, sizeof(spent));
    error_within(err, "given up after %zu attempt%s (lock_retry = %s)", m->ramp.attempt,
                 m->ramp.attempt == 1 ? "" : "s", spent);
}

bool
ramp_again(struct migrator *m, const struct content *content, struct error *err)
{
    struct session *work = &m->server.work;
    int64_t next = timeout_of(m, content, m->ramp.attempt + 1), pause;
    struct error ignored = { 0 };

    if (!is_about_locks(err) || work->lost || m->server.lock_lost != NULL || m->dry_run ||
        !exec_rollback(work, &ignored))
        return false;
    m->ramp.left -= stop_now() - m->ramp.began;
    pause = pause_of(m, next);
    if (pause < 0) {
        explain_spent(m, content, err);
        return false;
    }
    tell(m, err, pause);
    m->ramp.left -= pause;
    if (!wait_a_little(m, pause, err))
        return false;
    m->ramp.attempt++;
    m->server.watch.every = next / 2;
    ramp_attempt(m);
    return true;
}
