#include <inttypes.h>

#include "base/words.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/json_value.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "cli/table.h"

#define ASK_EVERY 1000 /* ms, for --wait */

static const struct option_spec options[] = {
    { "check", NULL, "exit 3 if any is pending" },
    { "wait", "D", "ask every second until none is pending; exit 3 after D" },
    { NULL, NULL, NULL },
};

/* Those that wait for --background are not among the pending ones that are counted. */
static const char *
state_word(const struct plan_entry *entry)
{
    if (entry->state == STATE_PENDING && entry->migration->background)
        return "background";
    return plan_state_word(entry->state);
}

static void
add_entry(struct table *table, const struct plan_entry *entry)
{
    const struct migration *m = entry->migration;
    const struct applied *a = entry->applied;
    const char *cells[] = {
        m != NULL ? m->version_text
                  : arena_printf(table->arena, "%" PRId64, entry->version),
        state_word(entry),
        a != NULL ? a->applied_at : NULL,
        m != NULL ? m->environment : NULL,
        m != NULL ? m->name : a->name,
    };

    table_add(table, cells);
}

static void
print_sum(const struct plan *plan, FILE *out)
{
    if (plan->has_highest)
        fprintf(out, "highest applied %" PRId64 "; ", plan->highest);
    else
        fputs("nothing applied; ", out);
    fprintf(out, "%zu pending, %zu late", plan->pending, plan->late);
    if (plan->excluded > 0)
        fprintf(out, ", %zu excluded", plan->excluded);
    if (plan->background > 0)
        fprintf(out, ", %zu background", plan->background);
    fputc('\n', out);
}

static void
print_status(const struct look *look, struct arena *arena, FILE *out)
{
    struct table table = table_new(arena, 5);

    show_standby(look);
    if (look->taken_over != NULL)
        fprintf(out, "`luamig up` will take over %s\n", look->taken_over);
    for (size_t i = 0; i < look->plan.entry_count; i++)
        add_entry(&table, &look->plan.entries[i]);
    table_print(&table, out);
    print_sum(&look->plan, out);
}

/* Problems that leave in doubt what the states are worth: `up` would refuse. */
static bool
is_doubtful(const struct look *look)
{
    for (size_t i = 0; i < look->problems.count; i++) {
        const struct problem *problem = &look->problems.list[i];

        if (problem->level != PROBLEM_ERROR)
            continue;
        if (problem->kind == PROBLEM_WRONG_FOLDER || problem->kind == PROBLEM_TABLE ||
            problem->kind == PROBLEM_TRACKER || problem->kind == PROBLEM_DUPLICATE ||
            problem->kind == PROBLEM_MISNAMED || problem->kind == PROBLEM_MISPLACED)
            return true;
    }
    return false;
}

static int
show(struct invocation *inv, const struct look *look, bool check)
{
    int status = check && look->plan.pending > 0 ? EXIT_PENDING : EXIT_DONE;

    if (inv->json)
        json_print(stdout, json_status(look));
    else
        print_status(look, inv->arena, stdout);
    show_problems(inv, look);
    return invocation_end(inv, is_doubtful(look) ? EXIT_REFUSED : status);
}

/* One look that leaves nothing behind; a server that is away may come back. */
static bool
is_to_be_asked_again(struct invocation *inv)
{
    struct look_request request = { .depth = LOOK_NAMES, .command = "status" };
    struct arena arena = { 0 };
    struct invocation brief = *inv;
    struct error err = { 0 };
    struct look look;
    bool again;

    brief.arena = &arena;
    if (show_take(&brief, &request, &look, &err))
        again = look.plan.pending > 0;
    else
        again = err.kind == ERROR_CONNECT;
    arena_release(&arena);
    return again;
}

/* Until none is pending or the time is up; what is so then is for the caller to see. */
static void
wait_until_done(struct invocation *inv, int64_t ms)
{
    int64_t until = stop_now() + ms;

    while (stop_now() < until && stop_cause(inv->stop) == STOP_NONE &&
           is_to_be_asked_again(inv)) {
        int64_t left = until - stop_now();

        stop_poll(inv->stop, NULL, 0, left < ASK_EVERY ? left : ASK_EVERY);
    }
}

static bool
read_wait(const char *text, int64_t *ms, struct error *err)
{
    if (words_duration(text, ms))
        return true;
    error_set(err, ERROR_USAGE, "--wait: '%s' is no duration", text);
    return error_hint(err, "Write 500ms, 30s, 5m or 2h.");
}

static int
exec(struct invocation *inv)
{
    struct look_request request = { .depth = LOOK_CONTENTS, .command = "status" };
    const char *wait = invocation_value(inv, "wait");
    bool check = invocation_has(inv, "check") || wait != NULL;
    struct error err = { 0 };
    struct look look;
    int64_t ms = 0;

    if ((wait != NULL && !read_wait(wait, &ms, &err)) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    wait_until_done(inv, ms);
    if (!show_take(inv, &request, &look, &err))
        return invocation_fail(inv, &err);
    return show(inv, &look, check);
}

const struct command cmd_status = {
    .name = "status",
    .args = "[--check] [--wait D]",
    .summary = "every version and its state",
    .help =
        "States: applied, pending, late (pending, below the highest applied), partial\n"
        "(half done), renamed, drift (edited after it was applied), orphan (no file),\n"
        "excluded (pending, but for the setting exclude), background (pending, for\n"
        "`up --background` to apply; --check and --wait do not count it).\n"
        "In a layered folder each file's environment is named.",
    .options = options,
    .has_json = true,
    .exec = exec,
};
