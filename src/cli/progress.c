#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>

#include "base/stop.h"
#include "base/strbuf.h"
#include "base/words.h"
#include "cli/backfill_line.h"
#include "cli/complaint.h"
#include "cli/output.h"
#include "cli/summary.h"
#include "cli/text.h"

#define LIVE_AFTER 2000 /* ms on a terminal */

static void
clear_live(struct progress *p)
{
    if (p->live)
        fputs("\r\033[K", p->out);
    p->live = false;
}

/* A line that stays until the next one; what does not fit is cut, for it cannot wrap. */
static void
show_live(struct progress *p, const char *text)
{
    size_t fits = text_fit(text, output_columns(p->out) - 1);

    clear_live(p);
    text_put(p->out, text, fits);
    fflush(p->out);
    p->live = true;
}

/* Between version and name; a repeatable and a file of exec have only the latter. */
static const char *
joint(const struct migration *migration)
{
    return migration->version_text[0] != '\0' ? "_" : "";
}

static void
print_name(FILE *out, const struct migration *migration)
{
    if (migration == NULL)
        return;
    complaint_text(out, migration->version_text);
    fputs(joint(migration), out);
    complaint_text(out, migration->name);
}

static const char *
colour(const struct progress *p, const char *sequence)
{
    return p->colour ? sequence : "";
}

static void
on_started(struct progress *p, const struct event *e)
{
    struct strbuf text = { 0 };

    p->next_line = 10000;
    p->waiting[0] = '\0';
    p->say_again = 0;
    if (e->text != NULL && !p->quiet) {
        fputs("note: ", p->out);
        print_name(p->out, e->migration);
        fprintf(p->out, " %s\n", e->text);
    }
    if (!p->terminal || p->quiet)
        return;
    strbuf_printf(&text, "[%zu/%zu] %s%s%s ...", e->step, e->steps,
                  e->migration->version_text, joint(e->migration), e->migration->name);
    show_live(p, strbuf_text(&text));
    strbuf_release(&text);
}

static void
on_planned(struct progress *p, const struct event *e)
{
    if (p->plan == NULL)
        return;
    fputs("  ", p->plan);
    complaint_text(p->plan, e->text);
    fprintf(p->plan, "  %s\n", e->mode);
}

static void
print_lock(FILE *out, const struct trial_lock *lock)
{
    char size[32];

    fprintf(out, "    %-24s ", lock->mode);
    complaint_text(out, lock->relation);
    fprintf(out, "  %s%s\n", words_bytes(lock->bytes, size, sizeof(size)),
            lock->rewritten ? "  rewritten" : "");
}

static void
on_tried(struct progress *p, const struct event *e)
{
    const struct trial *trial = e->trial;
    char took[32];

    clear_live(p);
    fflush(p->out);
    if (p->plan == NULL)
        return;
    fputs(trial->executed ? "tried " : "not executed ", p->plan);
    print_name(p->plan, e->migration);
    if (!trial->executed) {
        fputs("  (it cannot run in a transaction)\n", p->plan);
        fflush(p->plan);
        return;
    }
    fprintf(p->plan, "  %s, %" PRId64 " row%s\n",
            words_elapsed(e->elapsed, took, sizeof(took)), trial->rows,
            trial->rows == 1 ? "" : "s");
    for (size_t i = 0; i < trial->lock_count; i++)
        print_lock(p->plan, &trial->locks[i]);
    fflush(p->plan);
}

static void
on_applied(struct progress *p, const struct event *e)
{
    char took[32];

    clear_live(p);
    if (p->quiet)
        return;
    fprintf(p->out, "%s%s%s ", colour(p, "\033[32m"),
            e->kind == EVENT_MIGRATION_UNDONE ? "undone"
            : e->migration->version_text[0] == '\0' && !e->migration->repeatable
                ? "ran"
                : "applied",
            colour(p, "\033[0m"));
    print_name(p->out, e->migration);
    fprintf(p->out, "  %s", words_elapsed(e->elapsed, took, sizeof(took)));
    if (strcmp(e->mode, "statements") == 0)
        fputs("  (statement by statement)", p->out);
    if (e->text != NULL)
        fprintf(p->out, "  (%s)", e->text);
    fputc('\n', p->out);
}

static void
on_failed(struct progress *p, const struct event *e)
{
    char took[32];

    clear_live(p);
    snprintf(p->failed, sizeof(p->failed), "%s",
             e->migration->version_text[0] != '\0' ? e->migration->version_text
                                                   : e->migration->name);
    p->failed_keeps = e->keeps;
    p->failed_anew = e->migration->repeatable;
    fprintf(p->out, "%s%s%s  ", colour(p, "\033[31m"),
            e->text != NULL ? e->text : "failed", colour(p, "\033[0m"));
    print_name(p->out, e->migration);
    fprintf(p->out, "  %s\n", words_elapsed(e->elapsed, took, sizeof(took)));
}

/* 10 s, 30 s, 1 min, then every minute. */
static int64_t
next_due(int64_t elapsed)
{
    if (elapsed < 30000)
        return 30000;
    return (elapsed / 60000 + 1) * 60000;
}

/* "0042_big_index: statement 2 of 3 for 4m00s, building index 41 %" */
static void
describe_progress(const struct event *e, struct strbuf *text)
{
    char took[32];

    if (e->backfill != NULL) {
        backfill_line(e->backfill, text);
        return;
    }
    strbuf_printf(text, "%s%s%s: ", e->migration->version_text, joint(e->migration),
                  e->migration->name);
    if (e->statement > 0 && e->statement <= e->statements)
        strbuf_printf(text, "statement %zu of %zu ", e->statement, e->statements);
    strbuf_printf(text, "for %s", words_elapsed(e->elapsed, took, sizeof(took)));
    if (e->text != NULL && e->text[0] != '\0')
        strbuf_printf(text, ", %s", e->text);
}

static void
on_progress(struct progress *p, const struct event *e)
{
    struct strbuf text = { 0 };

    if (p->quiet)
        return;
    describe_progress(e, &text);
    if (p->terminal && e->elapsed >= LIVE_AFTER) {
        show_live(p, strbuf_text(&text));
    } else if (!p->terminal && e->elapsed >= p->next_line) {
        complaint_text(p->out, strbuf_text(&text));
        fputc('\n', p->out);
        p->next_line = next_due(e->elapsed);
    }
    strbuf_release(&text);
}

/* At once, and when something else is to be said; the same thing once a minute. */
static void
on_waiting(struct progress *p, const struct event *e)
{
    int64_t now = stop_now();

    if (p->quiet || (strcmp(p->waiting, e->text) == 0 && now < p->say_again))
        return;
    clear_live(p);
    p->say_again = now + 60000;
    error_text(p->waiting, sizeof(p->waiting), e->text);
    fputs("waiting for ", p->out);
    complaint_text(p->out, e->text);
    fputc('\n', p->out);
    fflush(p->out);
}

/* When it is known for whom, and then every 10 s; with -v each time. */
static void
on_retried(struct progress *p, const struct event *e)
{
    int64_t now = stop_now();
    char pause[32];

    if (p->quiet || (!p->verbose && (e->text == NULL || now < p->say_again)))
        return;
    clear_live(p);
    p->say_again = now + 10000;
    print_name(p->out, e->migration);
    fprintf(p->out, ": attempt %zu gave way, next in %s", e->attempt,
            words_elapsed(e->elapsed, pause, sizeof(pause)));
    fputs(e->text != NULL ? "; waiting for " : "", p->out);
    complaint_text(p->out, e->text != NULL ? e->text : "");
    fputc('\n', p->out);
    fflush(p->out);
}

static void
on_notice(struct progress *p, const struct event *e)
{
    bool warning = e->level != PROBLEM_NOTE;

    if ((p->quiet && !warning) || (e->detail && !p->verbose))
        return;
    clear_live(p);
    fputs(warning ? "warning: " : "note: ", p->out);
    if (e->migration != NULL) {
        print_name(p->out, e->migration);
        fputs(": ", p->out);
    }
    text_put_message(p->out, e->text, strlen(e->text));
    fputc('\n', p->out);
}

static void
on_undo(struct progress *p, const struct event *e)
{
    clear_live(p);
    complaint_error(p->out, e->error, p->colour);
    if (e->steps > 0)
        fprintf(p->out, "undoing %zu migration%s of this run\n", e->steps,
                e->steps == 1 ? "" : "s");
    fflush(p->out);
    p->explained = true;
}

static void
on_lock_acquired(struct progress *p, const struct event *e)
{
    char took[32];

    p->waiting[0] = '\0';
    if (p->verbose && !p->quiet)
        fprintf(p->out, "lock acquired after %s\n",
                words_elapsed(e->elapsed, took, sizeof(took)));
}

static void
on_problem(struct progress *p, const struct event *e)
{
    clear_live(p);
    if (!p->quiet || e->problem->level != PROBLEM_NOTE)
        complaint_problem(p->out, e->problem, p->colour);
}

static void
on_finished(struct progress *p, const struct event *e)
{
    clear_live(p);
    summary_print(p, e);
    fflush(p->out);
}

static void
notify(void *ctx, const struct event *e)
{
    struct progress *p = ctx;

    switch (e->kind) {
    case EVENT_RUN_STARTED: break;
    case EVENT_WAITING: on_waiting(p, e); break;
    case EVENT_MIGRATION_RETRIED: on_retried(p, e); break;
    case EVENT_LOCK_ACQUIRED: on_lock_acquired(p, e); break;
    case EVENT_MIGRATION_STARTED: on_started(p, e); break;
    case EVENT_STEP_PLANNED: on_planned(p, e); break;
    case EVENT_MIGRATION_TRIED: on_tried(p, e); break;
    case EVENT_MIGRATION_UNDONE:
    case EVENT_MIGRATION_APPLIED: on_applied(p, e); break;
    case EVENT_MIGRATION_FAILED: on_failed(p, e); break;
    case EVENT_PROGRESS: on_progress(p, e); break;
    case EVENT_UNDO_STARTED: on_undo(p, e); break;
    case EVENT_NOTICE: on_notice(p, e); break;
    case EVENT_PROBLEM: on_problem(p, e); break;
    case EVENT_RUN_FINISHED: on_finished(p, e); break;
    }
}

struct observer
progress_observer(struct progress *progress)
{
    return (struct observer){ .notify = notify, .ctx = progress };
}
