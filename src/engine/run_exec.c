#include "engine/run_exec.h"

#include <string.h>

#include "engine/doubt.h"
#include "engine/migrator.h"
#include "engine/preflight.h"
#include "engine/step.h"

struct run {
    struct migrator m;
    const struct exec_request *request;
    struct content *contents;
    size_t count, capacity;
    struct run_summary *summary;
    struct error *err;
};

static struct content *
next_content(struct run *run)
{
    if (run->count == run->capacity) {
        size_t more = run->capacity > 0 ? run->capacity * 2 : 16;
        struct content *list = arena_alloc(run->m.arena, more * sizeof(*list));

        if (run->count > 0)
            memcpy(list, run->contents, run->count * sizeof(*list));
        run->contents = list;
        run->capacity = more;
    }
    return &run->contents[run->count++];
}

static bool
read_file(struct run *run, const char *path)
{
    struct content *content = next_content(run);

    return content_read_file(path, run->request->down, run->m.arena, content, run->err);
}

static bool
read_step(struct run *run, const struct migration *migration)
{
    const struct migration_file *file =
        run->request->down ? &migration->down : &migration->up;

    if (file->kind != FILE_NONE)
        return read_file(run, file->path);
    error_set(run->err, ERROR_PLAN, "%s has no down",
              source_label(migration, run->m.arena));
    return error_at(run->err, migration->up.path, 0, 0);
}

/* Its ups ascending, or its downs descending. */
static bool
read_folder(struct run *run, const char *path)
{
    struct settings settings = *run->m.settings;
    struct problems problems = { 0 };
    struct source source;

    settings.dir = path;
    if (!source_open(&settings, run->m.arena, &source, &problems, run->err))
        return false;
    if (problems_count(&problems, PROBLEM_ERROR) > 0)
        return problems_error(&problems, run->err);
    for (size_t i = 0; i < source.count; i++) {
        size_t at = run->request->down ? source.count - 1 - i : i;

        if (!read_step(run, &source.migrations[at]))
            return false;
    }
    return true;
}

static bool
read_all(struct run *run)
{
    const struct exec_request *request = run->request;

    for (size_t i = 0; i < request->count; i++) {
        const char *path = request->paths[request->down ? request->count - 1 - i : i];
        bool ok = fs_is_folder(path) ? read_folder(run, path) : read_file(run, path);

        if (!ok)
            return false;
    }
    return true;
}

static bool
run_all(struct run *run)
{
    stop_limit(run->m.stop, LIMIT_RUN, run->m.settings->timeout);
    for (size_t i = 0; i < run->count; i++) {
        struct step_place place = { .step = i + 1, .steps = run->count };

        if (!step_may_go_on(&run->m, run->summary, run->err) ||
            !step_run(&run->m, &run->contents[i], place, run->summary, run->err))
            return false;
    }
    return true;
}

/* Nothing was tried yet: what a lost connection took with it is done again. */
static bool
lock_and_check(struct run *run)
{
    struct migrator *m = &run->m;
    bool ok;

    do
        ok = (m->locked || migrator_lock(m, run->err)) &&
             preflight(m, run->contents, run->count, run->err);
    while (!ok && doubt_reconnect(m, run->err));
    return ok;
}

static bool
run_steps(struct run *run)
{
    struct migrator *m = &run->m;
    bool ok = read_all(run) && migrator_connect(m, run->err);

    run->summary->target = m->label;
    run->summary->pending = run->count;
    if (!ok)
        return false;
    migrator_notify(m, (struct event){ .kind = EVENT_RUN_STARTED, .steps = run->count });
    if (!lock_and_check(run))
        return false;
    run->summary->outcome = OUTCOME_DONE;
    return run_all(run);
}

bool
run_exec(const struct settings *settings, const struct exec_request *request,
         const struct observer *observer, struct stop *stop, struct arena *arena,
         struct run_summary *summary, struct error *err)
{
    struct run run = { .request = request, .summary = summary, .err = err };
    int64_t began = stop_now();
    bool done;

    *summary = (struct run_summary){ .target = "",
                                     .outcome = OUTCOME_REFUSED,
                                     .kind = RUN_EXEC };
    migrator_init(&run.m, "exec", settings, observer, stop, arena);
    done = run_steps(&run);
    step_finish(&run.m, summary, began, done ? NULL : err);
    return done;
}
