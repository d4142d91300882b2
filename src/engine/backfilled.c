#include "engine/backfilled.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "engine/aftermath.h"
#include "engine/ramp.h"
#include "pg/exec.h"

#define TELL_EVERY 1000 /* ms */
#define WAIT_EVERY 5000

/* A batch is progress: losses of the connection and attempts at locks count anew. */
static void
on_progress(void *ctx, const struct backfill_progress *progress, bool done)
{
    struct backfilled *b = ctx;
    struct migrator *m = b->m;
    int64_t now = stop_now();

    m->losses = 0;
    ramp_begin(m, b->content);
    if (!done && now - b->told < TELL_EVERY)
        return;
    b->told = now;
    migrator_notify(m, (struct event){ .kind = EVENT_PROGRESS,
                                       .elapsed = now - m->activity.since,
                                       .backfill = progress });
}

static void
on_warning(void *ctx, const char *text)
{
    struct backfilled *b = ctx;

    migrator_notify(b->m, (struct event){ .kind = EVENT_NOTICE,
                                          .level = PROBLEM_WARNING,
                                          .text = text });
}

/* What it waits for is told at once, then every 5 s; the figures each second. */
static void
on_asleep(void *ctx, const char *whom, const char *reason)
{
    struct backfilled *b = ctx;
    struct migrator *m = b->m;
    int64_t now = stop_now();

    ramp_begin(m, b->content);
    if (whom != NULL && (now - b->waiting >= WAIT_EVERY || strcmp(whom, b->whom) != 0)) {
        error_text(b->whom, sizeof(b->whom), whom);
        b->waiting = now;
        migrator_notify(m, (struct event){ .kind = EVENT_WAITING, .text = whom });
    }
    migrator_notify(m, (struct event){ .kind = EVENT_PROGRESS,
                                       .elapsed = now - m->activity.since,
                                       .text = reason });
}

static bool
on_again(void *ctx, struct error *err)
{
    struct backfilled *b = ctx;

    return ramp_again(b->m, b->content, err);
}

void
backfilled_init(struct backfilled *b, struct migrator *m, const struct content *content)
{
    const struct directives *file = &content->directives;

    *b = (struct backfilled){ .m = m, .content = content, .told = stop_now() };
    b->env = (struct backfill_env){
        .ctx = b,
        .work = &m->server.work,
        .table = &m->settings->table,
        .state = &m->table,
        .version = content->migration->version,
        .direction = aftermath_direction(content),
        .checksum = content->checksum,
        .run = m->run,
        .lock_retry = file->has_lock_retry ? file->lock_retry : m->settings->lock_retry,
        .lock_timeout =
            file->has_lock_timeout ? file->lock_timeout : m->settings->lock_timeout,
        .timed = file->has_timeout,
        .progress = on_progress,
        .warn = on_warning,
        .asleep = on_asleep,
        .again = on_again,
    };
}

/* What was written behind the version's last success belongs to a new attempt. */
static bool
drop_stale(struct migrator *m, struct error *err)
{
    static const char sql[] =
        "DELETE FROM %s b WHERE NOT EXISTS (SELECT 1 FROM %s m"
        " WHERE m.version = b.version) AND EXISTS (SELECT 1 FROM %s h"
        " WHERE h.version = b.version AND h.outcome = 'done'"
        " AND h.action IN ('up', 'down', 'mark', 'baseline') AND h.finished_at >= b.%s)";
    const char *main = migrator_table(m, ""), *history = migrator_table(m, "_history");
    struct session *work = &m->server.work;

    return exec_command(work,
                        arena_printf(m->arena, sql, migrator_table(m, "_backfill_errors"),
                                     main, history, "at"),
                        NULL, err) &&
           exec_command(work,
                        arena_printf(m->arena, sql, migrator_table(m, "_backfills"), main,
                                     history, "updated_at"),
                        NULL, err);
}

static bool
is_of(const struct checkpoint *row, const struct content *content)
{
    return content_has_steps(content) &&
           row->key.version == content->migration->version &&
           strcmp(row->key.direction, aftermath_direction(content)) == 0;
}

static bool
refuse_changed(const struct checkpoint *row, const struct content *content,
               struct error *err)
{
    error_set(err, ERROR_PLAN, "the script has changed since backfill '%s' began",
              row->key.name);
    error_detail(err, "%.1f %% of '%s' is done by the former script.",
                 checkpoint_percent(row), row->table);
    error_hint(err,
               "Run `luamig up --accept-change` to go on from there with the new one, or "
               "`luamig backfill restart %s` first to begin again.",
               row->key.name);
    return error_at(err, content->path, 0, 0);
}

bool
backfilled_check(struct migrator *m, const struct content *contents, size_t count,
                 struct error *err)
{
    struct checkpoint *rows;
    size_t row_count;

    if (!m->table.has_backfills)
        return true;
    if (!drop_stale(m, err) || !checkpoint_read(&m->server.work, &m->settings->table,
                                                m->arena, &rows, &row_count, err))
        return false;
    for (size_t i = 0; i < row_count && !m->settings->accept_change; i++) {
        for (size_t k = 0; k < count; k++) {
            if (is_of(&rows[i], &contents[k]) && rows[i].rows > 0 &&
                strcmp(rows[i].checksum, contents[k].checksum) != 0)
                return refuse_changed(&rows[i], &contents[k], err);
        }
    }
    return true;
}

static void
add_total(struct strbuf *text, const struct checkpoint *row)
{
    const struct {
        int64_t count;
        const char *what;
    } counts[] = { { row->conflicts, "conflicts" },
                   { row->suppressed, "suppressed" },
                   { row->errors, "errors" } };

    strbuf_printf(text, "%sbackfill %s: %" PRId64 " rows, %" PRId64 " written",
                  text->len > 0 ? "; " : "", row->key.name, row->rows, row->written);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].count > 0)
            strbuf_printf(text, ", %" PRId64 " %s", counts[i].count, counts[i].what);
    }
}

bool
backfilled_totals(struct migrator *m, const struct content *content, struct arena *arena,
                  const char **text, struct error *err)
{
    struct session *work = &m->server.work;
    struct strbuf sum = { 0 };
    struct checkpoint *rows;
    size_t count;

    *text = NULL;
    if (!m->table.has_backfills || !content_has_steps(content))
        return true;
    if (!exec_command(work, "RESET SESSION AUTHORIZATION", NULL, err) ||
        !exec_command(work, "RESET ROLE", NULL, err) ||
        !checkpoint_read(work, &m->settings->table, arena, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (is_of(&rows[i], content))
            add_total(&sum, &rows[i]);
    }
    *text = arena_strdup(arena, sum.text);
    strbuf_release(&sum);
    return true;
}

static const char *const tables[] = { "_backfills", "_backfill_errors" };

static const char *
delete_sql(struct migrator *m, int64_t version, size_t i, struct arena *arena)
{
    return arena_printf(arena, "DELETE FROM %s WHERE version = %" PRId64,
                        migrator_table(m, tables[i]), version);
}

void
backfilled_add_delete(const struct frame *frame)
{
    int64_t version = frame->content->migration->version;

    for (size_t i = 0; frame->m->table.has_backfills && i < 2; i++)
        items_add(frame->items, ITEM_STEP, delete_sql(frame->m, version, i, frame->arena),
                  NULL);
}

bool
backfilled_forget(struct migrator *m, int64_t version, struct error *err)
{
    for (size_t i = 0; m->table.has_backfills && i < 2; i++) {
        if (!exec_command(&m->server.work, delete_sql(m, version, i, m->arena), NULL,
                          err))
            return false;
    }
    return true;
}

const char *
backfilled_partial_sql(struct migrator *m)
{
    return arena_printf(
        m->arena,
        "SELECT DISTINCT b.version FROM %s b WHERE b.direction = 'up'"
        " AND NOT EXISTS (SELECT 1 FROM %s m WHERE m.version = b.version)",
        migrator_table(m, "_backfills"), migrator_table(m, ""));
}
