#include <inttypes.h>
#include <string.h>

#include "base/words.h"
#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/show.h"

#define ASK_EVERY 1000 /* ms, for --wait */

static const struct option_spec options[] = {
    { "check", NULL, "exit 3 if any is pending" },
    { "wait", "D", "ask every second until none is pending; exit 3 after D" },
    { NULL, NULL, NULL },
};

static size_t
widest_version(const struct plan *plan)
{
    size_t widest = 0;

    for (size_t i = 0; i < plan->entry_count; i++) {
        const struct migration *m = plan->entries[i].migration;
        size_t len = m != NULL ? strlen(m->version_text) : 1;

        widest = len > widest ? len : widest;
    }
    return widest;
}

static void
print_entry(const struct plan_entry *entry, size_t width)
{
    const struct migration *m = entry->migration;
    char digits[32];

    snprintf(digits, sizeof(digits), "%" PRId64, entry->version);
    printf("%-*s  %-8s  %-20s  ", (int)width, m != NULL ? m->version_text : digits,
           plan_state_word(entry->state),
           entry->applied != NULL && entry->applied->applied_at != NULL
               ? entry->applied->applied_at
               : "");
    complaint_text(stdout, m != NULL ? m->name : entry->applied->name);
    fputc('\n', stdout);
}

static void
print_status(const struct look *look)
{
    const struct plan *plan = &look->plan;
    size_t width = widest_version(plan);

    show_standby(look);
    if (look->taken_over != NULL)
        printf("`luamig up` will take over %s\n", look->taken_over);
    for (size_t i = 0; i < plan->entry_count; i++)
        print_entry(&plan->entries[i], width);
    if (plan->has_highest)
        printf("highest applied %" PRId64 "; ", plan->highest);
    else
        fputs("nothing applied; ", stdout);
    printf("%zu pending, %zu late\n", plan->pending, plan->late);
}

static int
show(struct invocation *inv, const struct look *look, bool check)
{
    if (inv->json)
        json_print(stdout, json_status(look));
    else
        print_status(look);
    show_problems(inv, look);
    return invocation_end(inv,
                          check && look->plan.pending > 0 ? EXIT_PENDING : EXIT_DONE);
}

/* Until none is pending or the time is up; a server that is away may come back. */
static bool
wait_until_done(struct invocation *inv, const struct look_request *request, int64_t ms,
                struct look *look, struct error *err)
{
    int64_t until = stop_now() + ms;
    bool ok;

    for (;;) {
        ok = show_take(inv, request, look, err);
        if ((ok && look->plan.pending == 0) || stop_now() >= until ||
            (!ok && err->kind != ERROR_CONNECT))
            return ok;
        stop_poll(inv->stop, NULL, 0, ASK_EVERY);
        if (stop_cause(inv->stop) != STOP_NONE)
            return error_set(err, ERROR_SIGNAL, "stopped by %s",
                             stop_signal_name(stop_signal()));
    }
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

    if (wait != NULL && !words_duration(wait, &ms)) {
        error_set(&err, ERROR_USAGE, "--wait: '%s' is no duration", wait);
        error_hint(&err, "Write 500ms, 30s, 5m or 2h.");
        return invocation_fail(inv, &err);
    }
    if (!settings_need_database(inv->settings, &err) ||
        !wait_until_done(inv, &request, ms, &look, &err))
        return invocation_fail(inv, &err);
    return show(inv, &look, check);
}

const struct command cmd_status = {
    .name = "status",
    .args = "[--check] [--wait D]",
    .summary = "every version and its state",
    .help =
        "States: applied, pending, late (pending, below the highest applied), partial\n"
        "(half done), renamed, drift (edited after it was applied), orphan (no file).",
    .options = options,
    .exec = exec,
};
