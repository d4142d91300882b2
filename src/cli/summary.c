#include "cli/summary.h"

#include "base/words.h"
#include "cli/complaint.h"

/* What became of the migration that failed. */
static void
print_fate(struct progress *p, const struct event *e)
{
    if (p->failed[0] == '\0')
        return;
    if (!p->failed_keeps && e->error->in_doubt)
        fputs("whether ", p->out);
    if (p->failed_keeps)
        fputs("what was done of ", p->out);
    complaint_text(p->out, p->failed);
    if (p->failed_keeps && e->summary->kind == RUN_EXEC)
        fputs(" stays; ", p->out);
    else if (p->failed_keeps && p->failed_anew)
        fputs(" stays, `up` runs it again from its beginning; ", p->out);
    else if (p->failed_keeps)
        fputs(" is recorded, `up` goes on behind it; ", p->out);
    else if (e->error->in_doubt)
        fputs(e->summary->kind == RUN_EXEC ? " was committed is not known; "
                                           : " was committed is told by its row; ",
              p->out);
    else
        fputs(" was rolled back; ", p->out);
}

static void
print_stopped_up(struct progress *p, const struct event *e)
{
    const struct run_summary *s = e->summary;

    size_t left = s->in_background ? s->background : s->pending;

    if (s->applied + left == 0)
        return;
    fputs("  ", p->out);
    print_fate(p, e);
    fprintf(p->out, "%zu of %zu pending were applied", s->applied, s->applied + left);
    if (left > 0)
        fprintf(p->out, "; run `luamig up%s` again%s",
                s->in_background ? " --background" : "",
                s->outcome == OUTCOME_FAILED ? " after the fix" : "");
    fputc('\n', p->out);
}

/* What the run had done when it stopped. */
static void
print_stopped(struct progress *p, const struct event *e)
{
    const struct run_summary *s = e->summary;

    switch (s->kind) {
    case RUN_UP: print_stopped_up(p, e); return;
    case RUN_TRY: fputs("  everything was rolled back\n", p->out); return;
    case RUN_DOWN:
        fputs("  ", p->out);
        print_fate(p, e);
        fprintf(p->out, "%zu of %zu were undone\n", s->undone, s->undone + s->pending);
        return;
    case RUN_EXEC:
        fputs("  ", p->out);
        print_fate(p, e);
        fprintf(p->out, "%zu of %zu files were run\n", s->applied,
                s->applied + s->pending);
        return;
    }
}

static void
print_fate_of_run(struct progress *p, const struct event *e)
{
    fputs("  ", p->out);
    complaint_text(p->out, e->summary->fate);
    fputc('\n', p->out);
}

static void
print_question(struct progress *p, const struct event *e)
{
    fputs("  ", p->out);
    if (e->error->kind == ERROR_LOCK)
        print_fate(p, e);
    fputs(e->error->kind == ERROR_LOCK
              ? "the run lock was lost meanwhile\n"
              : "something is left that luamig cannot decide; see the error above\n",
          p->out);
}

/* What stays and what to do; it claims no more than is so. */
static void
print_consequence(struct progress *p, const struct event *e)
{
    static const char *const refused[] = { "no migration was applied",
                                           "no migration was undone", "no file was run",
                                           "nothing was tried" };

    switch (e->summary->outcome) {
    case OUTCOME_DONE: return;
    case OUTCOME_REFUSED: fprintf(p->out, "  %s\n", refused[e->summary->kind]); return;
    case OUTCOME_RESTORED: print_fate_of_run(p, e); return;
    case OUTCOME_NOT_RESTORED:
        if (e->summary->fate != NULL) {
            print_fate_of_run(p, e);
            return;
        }
        print_question(p, e);
        return;
    case OUTCOME_PAUSED:
    case OUTCOME_LOCK_LOST:
    case OUTCOME_FAILED:
    case OUTCOME_TIMEOUT:
    case OUTCOME_SIGNAL:
        if (e->summary->fate != NULL)
            print_fate_of_run(p, e);
        else
            print_stopped(p, e);
        return;
    }
}

static bool
is_up_to_date(const struct run_summary *s)
{
    return s->nothing_to_do && (!s->in_background || s->background == 0);
}

/* "3 applied, 0 pending, " */
static void
print_counts(struct progress *p, const struct run_summary *s)
{
    switch (s->kind) {
    case RUN_UP:
        fprintf(p->out, "%s%zu applied, %zu pending, ",
                is_up_to_date(s) ? "up to date, " : "", s->applied, s->pending);
        if (s->background > 0)
            fprintf(p->out, "%zu background, ", s->background);
        return;
    case RUN_DOWN:
        fprintf(p->out, "%s%zu undone, ",
                s->nothing_applied ? "nothing applied, "
                : s->nothing_to_do ? "nothing to undo, "
                                   : "",
                s->undone);
        return;
    case RUN_EXEC: fprintf(p->out, "%zu run, ", s->applied); return;
    case RUN_TRY:
        fprintf(p->out, "%s%zu tried and rolled back, %zu pending, ",
                s->nothing_to_do ? "up to date, " : "", s->tried, s->pending);
        return;
    }
}

void
summary_print(struct progress *p, const struct event *e)
{
    const struct run_summary *s = e->summary;
    char took[32];

    if (e->error != NULL) {
        if (!p->explained || s->outcome == OUTCOME_NOT_RESTORED)
            complaint_error(p->out, e->error, p->colour);
        print_consequence(p, e);
    }
    if (s->target[0] == '\0')
        return;
    fputs("luamig: ", p->out);
    complaint_text(p->out, s->target);
    fputs(": ", p->out);
    print_counts(p, s);
    fprintf(p->out, "%s\n", words_elapsed(s->elapsed, took, sizeof(took)));
}
