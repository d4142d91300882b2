#include "pg/takeover.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "pg/applied.h"
#include "pg/exec.h"
#include "pg/history.h"
#include "pg/tracker.h"

static bool
refuse_unnamed(const struct tracker *list, size_t count, struct arena *arena,
               struct error *err)
{
    const char *health = list[0].kind != TRACKER_MIGRATE ? ""
                         : list[0].dirty                 ? " (dirty)"
                                                         : " (clean)";

    error_set(err, ERROR_PLAN, "found %s%s", tracker_text(&list[0], arena), health);
    if (count > 1)
        error_detail(err, "There are %zu such tables; another is %s.", count,
                     list[1].name);
    return error_hint(err,
                      "Take it over: --legacy-table %s; not ours: --legacy-table none.",
                      list[0].name);
}

static bool
refuse_dirty(const struct tracker *tracker, struct error *err)
{
    error_set(err, ERROR_PLAN, "%s is dirty at version %" PRId64, tracker->name,
              tracker->version);
    error_detail(err, "That migration failed under the other tool; what it left is not "
                      "known. Nothing was recorded.");
    return error_hint(err,
                      "Look at the schema, finish or undo that migration by hand, set "
                      "dirty to false in %s (and version to the last one applied), and "
                      "run `luamig up` again.",
                      tracker->name);
}

static bool
refuse_strange(const struct takeover_input *in, const struct tracker *tracker,
               struct error *err)
{
    if (tracker->kind == TRACKER_MIGRATE)
        error_set(err, ERROR_PLAN,
                  "%s is at version %" PRId64 ", which has no file in '%s'",
                  tracker->name, tracker->version, in->source->dir);
    else
        error_set(err, ERROR_PLAN,
                  "%s has %zu versions applied, none of which has a file in '%s'",
                  tracker->name, tracker->count, in->source->dir);
    return error_hint(err, "Is it this program's table, and this its folder? Nothing was "
                           "recorded.");
}

static bool
take_migrate(const struct takeover_input *in, const struct tracker *tracker,
             struct takeover_row *rows, struct takeover *out, struct error *err)
{
    const struct source *source = in->source;

    if (tracker->dirty)
        return refuse_dirty(tracker, err);
    if (source_find(source, tracker->version) == NULL)
        return refuse_strange(in, tracker, err);
    while (out->count < source->count &&
           source->migrations[out->count].version <= tracker->version) {
        rows[out->count].migration = &source->migrations[out->count];
        out->count++;
    }
    return true;
}

static void
add_version(struct strbuf *list, const char *between, int64_t version)
{
    strbuf_printf(list, "%s%" PRId64, list->len > 0 ? between : "", version);
}

/* Its applied versions are a set, as ours are: only they are recorded. */
static bool
take_goose(const struct takeover_input *in, const struct tracker *tracker,
           struct arena *arena, struct takeover_row *rows, struct takeover *out,
           struct error *err)
{
    struct strbuf missing = { 0 };

    for (size_t i = 0; i < tracker->count; i++) {
        const struct tracker_version *v = &tracker->versions[i];
        const struct migration *migration = source_find(in->source, v->version);

        if (migration != NULL)
            rows[out->count++] = (struct takeover_row){ migration, v->applied_at };
        else
            add_version(&missing, ", ", v->version);
    }
    if (missing.len > 0)
        out->without_file = arena_strdup(arena, missing.text);
    strbuf_release(&missing);
    return out->count > 0 || refuse_strange(in, tracker, err);
}

static bool
decide(const struct takeover_input *in, const struct tracker *tracker,
       struct arena *arena, struct takeover *out, struct error *err)
{
    struct takeover_row *rows =
        arena_alloc(arena, (in->source->count + 1) * sizeof(*rows));

    *out = (struct takeover){ .action = TAKEOVER_RECORD,
                              .tracker = tracker->name,
                              .version = tracker->version,
                              .text = tracker_text(tracker, arena),
                              .rows = rows };
    switch (tracker->kind) {
    case TRACKER_MIGRATE: return take_migrate(in, tracker, rows, out, err);
    case TRACKER_GOOSE: return take_goose(in, tracker, arena, rows, out, err);
    }
    return false;
}

static bool
look_for_first_time(struct session *session, const struct takeover_input *in,
                    struct arena *arena, struct takeover *out, struct error *err)
{
    const char *named = in->settings->legacy_table;
    struct tracker *list;
    size_t count;

    if (named != NULL && strcmp(named, "none") == 0)
        return true;
    if (!tracker_find(session, named, arena, &list, &count, err))
        return false;
    if (count == 0)
        return true;
    return named != NULL ? decide(in, &list[0], arena, out, err)
                         : refuse_unnamed(list, count, arena, err);
}

/* The newest take-over as the history has it, and the tracker as it stands now. */
static bool
compare(struct session *session, const struct takeover_input *in, struct arena *arena,
        struct takeover *then, struct tracker *now, struct error *err)
{
    struct tracker *list;
    size_t count;

    *then = (struct takeover){ 0 };
    *now = (struct tracker){ 0 };
    if (in->history == NULL)
        return true;
    if (!history_last_takeover(session, in->history, arena, &then->tracker,
                               &then->version, err))
        return false;
    if (then->tracker == NULL)
        return true;
    if (!tracker_find(session, then->tracker, arena, &list, &count, err))
        return false;
    if (count > 0)
        *now = list[0];
    return true;
}

bool
takeover_present(struct session *session, const struct takeover_input *in,
                 struct arena *arena, struct takeover *out, struct error *err)
{
    struct takeover then;
    struct tracker now;

    if (!compare(session, in, arena, &then, &now, err))
        return false;
    *out = (struct takeover){ .tracker = now.name, .version = now.version };
    return true;
}

/* What the older tool has applied above a version: the arguments of `mark applied`. */
static const char *
versions_above(const struct takeover_input *in, const struct tracker *now,
               int64_t version, struct arena *arena)
{
    const struct source *source = in->source;
    struct strbuf list = { 0 };
    const char *text;

    for (size_t i = 0; i < now->count; i++) {
        if (now->versions[i].version > version)
            add_version(&list, " ", now->versions[i].version);
    }
    for (size_t i = 0; now->kind == TRACKER_MIGRATE && i < source->count; i++) {
        int64_t here = source->migrations[i].version;

        if (here > version && here < now->version)
            add_version(&list, " ", here);
    }
    if (now->kind == TRACKER_MIGRATE || list.len == 0)
        add_version(&list, " ", now->version);
    text = arena_strdup(arena, list.text);
    strbuf_release(&list);
    return text;
}

/* An older tool that ran again after the take-over applied what we know nothing of. */
static bool
check_moved(struct session *session, const struct takeover_input *in, struct arena *arena,
            struct error *err)
{
    struct takeover then;
    struct tracker now;
    const char *versions;

    if (!compare(session, in, arena, &then, &now, err))
        return false;
    if (now.name == NULL || now.version == then.version)
        return true;
    versions = versions_above(in, &now, then.version, arena);
    error_set(err, ERROR_PLAN,
              "%s moved from version %" PRId64 " to %" PRId64 " after it was taken over",
              now.name, then.version, now.version);
    error_detail(err, "The older tool ran again; luamig does not know what it applied.");
    return error_hint(err,
                      "If %s %s applied: luamig mark applied %s; and take the older tool "
                      "out of the deploy.",
                      versions, strchr(versions, ' ') != NULL ? "are" : "is", versions);
}

bool
takeover_look(struct session *session, const struct takeover_input *in,
              struct arena *arena, struct takeover *out, struct error *err)
{
    *out = (struct takeover){ 0 };
    return in->set_is_empty ? look_for_first_time(session, in, arena, out, err)
                            : check_moved(session, in, arena, err);
}

static bool
insert_rows(struct session *session, const struct takeover_input *in,
            const struct takeover *takeover, struct arena *arena, struct error *err)
{
    const char *sql =
        applied_insert_at_sql(arena, applied_ident(arena, &in->settings->table, ""));

    for (size_t i = 0; i < takeover->count; i++) {
        const struct takeover_row *row = &takeover->rows[i];
        const struct migration *migration = row->migration;

        if (!exec_command(session, sql,
                          PG_PARAMS(arena_printf(arena, "%" PRId64, migration->version),
                                    migration->name, row->applied_at),
                          err))
            return false;
    }
    return true;
}

bool
takeover_note(struct session *session, const struct takeover_input *in,
              const struct takeover *takeover, struct error *err)
{
    struct history_entry entry = { .run = session->server->run,
                                   .action = "take-over",
                                   .version = takeover->version,
                                   .name = takeover->tracker,
                                   .environments = in->source->environments,
                                   .outcome = "done" };

    return history_write(session, in->history, &entry, err);
}

bool
takeover_record(struct session *session, const struct takeover_input *in,
                const struct takeover *takeover, struct arena *arena, struct error *err)
{
    struct error ignored = { 0 };

    if (exec_command(session, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", NULL,
                     err) &&
        insert_rows(session, in, takeover, arena, err) &&
        takeover_note(session, in, takeover, err) && exec_commit(session, err))
        return true;
    exec_rollback(session, &ignored);
    return false;
}
