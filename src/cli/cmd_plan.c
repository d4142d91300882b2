#include "cli/commands.h"
#include "cli/complaint.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "cli/show_plan.h"

static const struct option_spec options[] = {
    { "to", "V", "up to version V" },
    { "count", "N", "the first N pending ones" },
    { "only", "V", "this one; may be given several times" },
    { NULL, NULL, NULL },
};

static void
print_step(const struct look_step *step)
{
    const struct migration *m = step->entry->migration;

    fputs("  ", stdout);
    complaint_text(stdout, m->up.path);
    printf("  %s", step->mode);
    if (step->entry->state == STATE_LATE)
        fputs(", late", stdout);
    if (step->entry->state == STATE_PARTIAL)
        fputs(", half done: goes on where it stopped", stdout);
    if (m->up.kind == FILE_SQL)
        printf(", %zu statement%s", step->statements, step->statements == 1 ? "" : "s");
    fputc('\n', stdout);
    if (step->notice != NULL)
        printf("    %s\n", step->notice);
}

static void
print_plan(const struct look *look)
{
    if (look->taken_over != NULL)
        printf("takes over %s\n", look->taken_over);
    if (look->plan.step_count == 0)
        puts("nothing to do");
    else
        printf("%zu to apply:\n", look->plan.step_count);
    for (size_t i = 0; i < look->plan.step_count; i++)
        print_step(&look->steps[i]);
}

int
show_plan(struct invocation *inv, const struct plan_request *request)
{
    struct look_request what = { .depth = LOOK_CONTENTS,
                                 .plan = *request,
                                 .command = "plan" };
    struct look look;
    struct error err = { 0 };
    bool refused;

    if (!show_take(inv, &what, &look, &err))
        return invocation_fail(inv, &err);
    refused = problems_count(&look.problems, PROBLEM_ERROR) > 0;
    if (inv->json)
        json_print(stdout, json_plan(&look));
    else
        print_plan(&look);
    show_problems(inv, &look);
    return invocation_end(inv, refused ? EXIT_REFUSED : EXIT_DONE);
}

static int
exec(struct invocation *inv)
{
    struct plan_request request;
    struct error err = { 0 };

    if (!request_read(inv, &request, &err) ||
        !settings_need_database(inv->settings, &err))
        return invocation_fail(inv, &err);
    return show_plan(inv, &request);
}

const struct command cmd_plan = {
    .name = "plan",
    .args = "[--to V] [--count N] [--only V]...",
    .summary = "print what `up` would do, and how",
    .options = options,
    .exec = exec,
};
