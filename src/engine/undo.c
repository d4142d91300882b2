#include "engine/undo.h"

#include <string.h>

#include "base/strbuf.h"
#include "engine/doubt.h"
#include "engine/step.h"
#include "pg/steps.h"

#define AFTER_SIGNAL 20000 /* ms in all: an orchestrator kills after 30 s */
#define LAST_WORDS                                                                       \
    "error: stopped by a second signal in the middle of the undo\n"                      \
    "  not restored: see `luamig status`, then run `luamig down` or `luamig up`\n"

/* An undo at work. */
struct undoing {
    const struct undo *undo;
    struct run_summary *summary;
    struct error *err;
    size_t steps, step; /* to undo; at it */
    bool committed;     /* the step that failed had been, after all */
    struct strbuf undone, blank, left;
};

/* A Lua script may have committed what nobody recorded; SQL records each statement. */
static bool
is_half_done(const struct undoing *u)
{
    const struct undo *undo = u->undo;
    const struct content *down = &undo->downs[undo->failed];
    struct migrator *m = undo->m;
    struct step *rows;
    size_t count = 0;
    struct error ignored = { 0 };

    if (!undo->half_done)
        return false;
    if (down->migration->up.kind == FILE_LUA || !m->table.has_steps)
        return m->table.has_steps;
    return !steps_read(&m->server.work, migrator_table(m, "_steps"),
                       down->migration->version, "up", m->arena, &rows, &count,
                       &ignored) ||
           count > 0;
}

static void
add_name(struct strbuf *list, const struct content *content)
{
    strbuf_printf(list, "%s%s", list->len > 0 ? ", " : "",
                  content->migration->version_text);
}

static bool
undo_one(struct undoing *u, size_t at, bool partial)
{
    struct content *down = arena_alloc(u->undo->m->arena, sizeof(*down));
    struct step_place place = { .step = ++u->step, .steps = u->steps };

    *down = u->undo->downs[at];
    down->partial = partial;
    if (!step_run(u->undo->m, down, place, u->summary, u->err))
        return false;
    add_name(&u->undone, down);
    if (content_is_empty(down))
        add_name(&u->blank, down);
    return true;
}

static bool
undo_all(struct undoing *u, bool half_done)
{
    const struct undo *undo = u->undo;

    if (half_done && !undo_one(u, undo->failed, true)) {
        add_name(&u->left, &undo->downs[undo->failed]);
        return false;
    }
    if (u->committed && !undo_one(u, undo->failed, false))
        return false;
    for (size_t i = undo->failed; i > 0; i--) {
        if (undo->mine[i - 1] && !undo_one(u, i - 1, false))
            return false;
    }
    return true;
}

static size_t
count_mine(const struct undo *undo)
{
    size_t count = 0;

    for (size_t i = 0; i < undo->failed; i++)
        count += undo->mine[i];
    return count;
}

/* What no down undid, as far as luamig can see it. */
static void
add_leftovers(const struct undoing *u, struct strbuf *text)
{
    struct migrator *m = u->undo->m;
    const char *lead = "; left behind: invalid index";
    struct error ignored = { 0 };
    struct indexes now;

    if (m->server.work.lost ||
        !indexes_invalid(&m->server.work, NULL, NULL, m->arena, &now, &ignored))
        return;
    for (size_t i = 0; i < now.count; i++) {
        struct indexes one = { .list = &now.list[i], .count = 1 };

        if (indexes_leftover(&u->undo->before, &one) == NULL)
            continue;
        strbuf_printf(text, "%s %s", lead, now.list[i].ident);
        lead = ",";
    }
}

static const char *
take(const struct undoing *u, struct strbuf *text)
{
    const char *fate = arena_strdup(u->undo->m->arena, strbuf_text(text));

    strbuf_release(text);
    return fate;
}

static const char *
tell_restored(const struct undoing *u)
{
    struct strbuf text = { 0 };

    strbuf_puts(&text, "restored: ");
    if (u->undone.len > 0)
        strbuf_printf(&text, "%s undone by %s", u->undone.text,
                      u->step > 1 ? "their downs" : "its down");
    else
        strbuf_puts(&text, "nothing of this run had been applied");
    if (u->blank.len > 0)
        strbuf_printf(&text, " (the down of %s is empty)", u->blank.text);
    add_leftovers(u, &text);
    return take(u, &text);
}

static const char *
tell_not_restored(const struct undoing *u)
{
    struct strbuf text = { 0 };

    strbuf_puts(&text, "not restored: ");
    if (u->left.len > 0)
        strbuf_printf(&text, "%s is half done, ", u->left.text);
    strbuf_printf(&text, "%zu of this run still applied", u->summary->applied);
    add_leftovers(u, &text);
    if (u->left.len > 0)
        strbuf_puts(&text, "; finish or undo what is half done, then");
    else
        strbuf_puts(&text, "; after the fix");
    strbuf_printf(&text, " run `luamig down --count %zu`, or `luamig up`",
                  u->summary->applied);
    return take(u, &text);
}

static void
settle(struct undoing *u, bool done, enum outcome was)
{
    struct run_summary *summary = u->summary;

    if (!done && count_mine(u->undo) == 0 && !u->undo->half_done && !u->err->in_doubt)
        return; /* nothing of this run stays, so there was nothing to undo */
    if (!done) {
        summary->outcome = OUTCOME_NOT_RESTORED;
        summary->fate = tell_not_restored(u);
        return;
    }
    summary->outcome =
        was == OUTCOME_SIGNAL || stop_signal() != 0 ? OUTCOME_SIGNAL : OUTCOME_RESTORED;
    summary->fate = tell_restored(u);
}

/* A lost connection may have left open whether the last one was committed. */
static bool
settle_doubt(struct undoing *u, struct error *err)
{
    struct content up = u->undo->downs[u->undo->failed];

    if (!u->err->in_doubt || up.migration == NULL)
        return true;
    up.down = false;
    if (!doubt_was_ours(u->undo->m, &up, &u->committed, err))
        return false;
    u->err->in_doubt = false;
    u->summary->applied += u->committed;
    u->summary->pending -= u->committed;
    return true;
}

static bool
run(struct undoing *u)
{
    const struct undo *undo = u->undo;
    struct error why = { 0 };
    bool half_done;

    if (!doubt_recover(undo->m, &why) || !settle_doubt(u, &why)) {
        error_detail(u->err, "%s", why.message);
        return error_within(u->err, "what this run applied could not be undone");
    }
    why = *u->err;
    half_done = !u->committed && is_half_done(u);
    u->steps = count_mine(undo) + half_done + u->committed;
    migrator_notify(undo->m, (struct event){ .kind = EVENT_UNDO_STARTED,
                                             .level = PROBLEM_NOTE,
                                             .text = "undoing what this run applied",
                                             .error = &why,
                                             .steps = u->steps });
    return undo_all(u, half_done);
}

void
undo_run(const struct undo *undo, struct run_summary *summary, struct error *err)
{
    struct undoing u = { .undo = undo, .summary = summary, .err = err };
    struct stop *outer = undo->m->stop, own = { 0 };
    enum outcome was = summary->outcome;

    if (was == OUTCOME_SIGNAL) {
        stop_limit(&own, LIMIT_RUN, AFTER_SIGNAL);
        undo->m->undo_until = own.clocks[LIMIT_RUN].deadline;
    }
    stop_signals_undoing(outer->signals ? LAST_WORDS : NULL);
    undo->m->stop = undo->m->server.stop = &own;
    undo->m->undoing = true;
    settle(&u, run(&u), was);
    undo->m->undoing = false;
    undo->m->stop = undo->m->server.stop = outer;
    stop_signals_undoing(NULL);
    strbuf_release(&u.undone);
    strbuf_release(&u.blank);
    strbuf_release(&u.left);
}
